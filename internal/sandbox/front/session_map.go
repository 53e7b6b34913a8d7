package front

import (
	"context"
	"sync"
	"time"
)

// The bounds of an HTTP session that outlives its request (session_timeout).
const (
	defaultSessionTimeout = time.Minute
	maxSessionTimeout     = time.Hour
)

// sessionMap holds the HTTP sessions by session_id.
type sessionMap struct {
	mu   sync.Mutex
	held map[string]*heldSession
}

type heldSession struct {
	session *session
	inUse   bool
	expires time.Time
}

func newSessionMap() *sessionMap { return &sessionMap{held: make(map[string]*heldSession)} }

// acquire gives the session of an id for one request, making it where it does not
// exist and check does not ask for it to.
func (m *sessionMap) acquire(id string, check bool, open func() (*session, error)) (*session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h, ok := m.held[id]; ok {
		if h.inUse {
			return nil, exception(codeSessionLocked, "SESSION_IS_LOCKED", "the session is in use by another request")
		}
		h.inUse = true
		return h.session, nil
	}
	if check {
		return nil, exception(codeSessionNotFound, "SESSION_NOT_FOUND", "no such session; it may have expired")
	}
	s, err := open()
	if err != nil {
		return nil, err
	}
	m.held[id] = &heldSession{session: s, inUse: true}
	return s, nil
}

// release gives a session back after its request, to be kept for a while.
func (m *sessionMap) release(id string, keep time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.held[id]
	if !ok {
		return
	}
	h.inUse, h.expires = false, time.Now().Add(keep)
	if h.session.broken {
		delete(m.held, id)
		h.session.close()
	}
}

// expire closes sessions whose time is over, until ctx is done.
func (m *sessionMap) expire(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			m.mu.Lock()
			for id, h := range m.held {
				if !h.inUse && now.After(h.expires) {
					delete(m.held, id)
					h.session.close()
				}
			}
			m.mu.Unlock()
		}
	}
}

func (m *sessionMap) closeAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, h := range m.held {
		delete(m.held, id)
		h.session.close()
	}
}
