package pianoapi

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Fault is one way in which an answer fails.
type Fault int

// The faults. Those before TruncatedBody and DroppedRequest replace the request. With the
// others the server processes the request, and only the answer fails. A client cannot
// distinguish DroppedAnswer from DroppedRequest.
const (
	ErrorCode       Fault = iota + 1 // status 200 with a code
	Unauthorized                     // 401
	Forbidden                        // 403
	TooManyRequests                  // 429 with Retry-After
	ServerError                      // 500
	HTMLPage                         // HTML with status 200
	TruncatedBody                    // half of the body.
	SlowAnswer                       // the answer comes after Faults.Slow
	UnexpectedShape                  // valid JSON of another shape
	LostAnswer                       // 500, but the action was done.
	DroppedAnswer                    // the connection ends without an answer, but the action was done
	DroppedRequest                   // the connection ends before the request is processed
)

// Faults are random faults in a share of all requests. Server.Fail requests more.
type Faults struct {
	Seed  uint64
	Share float64 // of the requests, between 0 and 1
	Kinds []Fault // which of them; empty: all that a client can get over, see TransientFaults
	// Shift is the share of list requests before which rows move.
	Shift float64
	// Slow is the delay of a slow answer; 0 is 5 seconds.
	Slow time.Duration
	// RetryAfter is the Retry-After header of a 429, in whole seconds.
	RetryAfter time.Duration
}

// TransientFaults are the faults that a retry resolves.
func TransientFaults() []Fault { return []Fault{TooManyRequests, ServerError, HTMLPage, TruncatedBody} }

// faultInjector decides which requests fail. It is safe for concurrent use.
type faultInjector struct {
	mu    sync.Mutex
	cfg   Faults
	dice  *rand.Rand
	next  []requestedFault
	count map[Fault]int
}

// requestedFault is a fault requested with Server.Fail.
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

// Fail makes the next times requests of an endpoint fail, after skip successful
// ones. endpoint is a path such as /publisher/subscription/list; empty matches any.
func (s *Server) Fail(f Fault, endpoint string, skip, times int) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.next = append(s.faults.next, requestedFault{fault: f, endpoint: endpoint, skip: skip, left: times})
}

// Failed returns the number of faults by kind.
func (s *Server) Failed() map[Fault]int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return maps.Clone(s.faults.count)
}

// draw returns the fault of a request, or 0.
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

// shift moves rows before its share of the pages.
func (m *faultInjector) shift(store Shifter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cfg.Shift > 0 && m.dice.Float64() < m.cfg.Shift {
		store.Shift(m.dice)
	}
}
