package pianoapi

import (
	"net/url"
	"slices"
	"sync"
)

// Effect is a request that changed something. Its parameters are as the client sent them,
// also the personal ones.
type Effect struct {
	Endpoint string
	Params   url.Values
}

// changes are all requests that changed something, in their order.
type changes struct {
	mu   sync.Mutex
	done []Effect
}

func (c *changes) add(one Effect) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = append(c.done, one)
}

// Changes returns all requests that changed something, in their order. Piano has no key
// that makes a request idempotent, so a client that repeats one blindly is here twice,
// even if the first answer was lost.
func (s *Server) Changes() []Effect {
	s.changes.mu.Lock()
	defer s.changes.mu.Unlock()
	return slices.Clone(s.changes.done)
}

// Changed returns how many requests of an endpoint changed something.
func (s *Server) Changed(endpoint string) (n int) {
	for _, one := range s.Changes() {
		if one.Endpoint == endpoint {
			n++
		}
	}
	return n
}
