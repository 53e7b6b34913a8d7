package pianoapi

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Fault is one way in which an answer goes wrong.
type Fault int

// The faults. Those before Cut happen before anything is done; with the others it
// has been done, and the answer is lost, late or strange.
const (
	ErrorCode       Fault = iota + 1 // status 200 with a code
	Unauthorized                     // 401
	Forbidden                        // 403
	TooManyRequests                  // 429 with Retry-After
	ServerError                      // 500
	HTMLPage                         // a page of HTML, with status 200
	TruncatedBody                    // the body ends before its end
	SlowAnswer                       // the answer comes after Faults.Slow, or never
	UnexpectedShape                  // another shape
	LostAnswer                       // 500, but it was done
)

// Faults are drawn for a share of all requests. More can be asked for by
// Server.Fail.
type Faults struct {
	Seed  uint64
	Share float64 // of the requests, between 0 and 1
	Kinds []Fault // which of them; empty: all that a client can get over, see TransientFaults
	// Shift is the share of pages before which rows move.
	Shift float64
	// Slow is how late a slow answer is; 0 is 5 seconds.
	Slow time.Duration
	// RetryAfter is what 429 asks for, in whole seconds; 0 asks to come back at once.
	RetryAfter time.Duration
}

// TransientFaults are the faults that are over when a client tries again.
func TransientFaults() []Fault { return []Fault{TooManyRequests, ServerError, HTMLPage, TruncatedBody} }

// faultInjector decides what goes wrong. It is safe for concurrent use.
type faultInjector struct {
	mu    sync.Mutex
	cfg   Faults
	dice  *rand.Rand
	next  []requestedFault
	count map[Fault]int
}

// requestedFault is a fault that was asked for.
type requestedFault struct {
	fault    Fault
	endpoint string
	skip     int
	left     int
}

func newFaultInjector(cfg Faults) *faultInjector {
	if cfg.Slow == 0 {
		cfg.Slow = 5 * time.Second
	}
	if len(cfg.Kinds) == 0 {
		cfg.Kinds = TransientFaults()
	}
	return &faultInjector{cfg: cfg, dice: rand.New(rand.NewPCG(cfg.Seed, 0xfa17)), count: map[Fault]int{}}
}

// Fail lets the next times requests of an endpoint go wrong, after letting skip of
// them pass. endpoint is a path such as /publisher/subscription/list; empty is
// any.
func (s *Server) Fail(f Fault, endpoint string, skip, times int) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.next = append(s.faults.next, requestedFault{fault: f, endpoint: endpoint, skip: skip, left: times})
}

// Failed counts the faults so far.
func (s *Server) Failed() map[Fault]int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return maps.Clone(s.faults.count)
}

// draw gives the fault of a request, 0 for none.
func (m *faultInjector) draw(endpoint string) Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := Fault(0)
	for i := range m.next {
		d := &m.next[i]
		if d.endpoint != "" && d.endpoint != endpoint {
			continue
		}
		if d.skip > 0 {
			d.skip--
			continue
		}
		d.left--
		found = d.fault
		break
	}
	m.next = slices.DeleteFunc(m.next, func(d requestedFault) bool { return d.left <= 0 })
	if found == 0 && m.cfg.Share > 0 && m.dice.Float64() < m.cfg.Share {
		found = m.cfg.Kinds[m.dice.IntN(len(m.cfg.Kinds))]
	}
	if found != 0 {
		m.count[found]++
	}
	return found
}

// shift moves rows, for its share of the pages.
func (m *faultInjector) shift(store Shifter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cfg.Shift > 0 && m.dice.Float64() < m.cfg.Shift {
		store.Shift(m.dice)
	}
}
