package consumer_test

import (
	"net"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// faults sits in the broker's connections: write sees what the broker is about
// to send and gives what is sent instead; false cuts the connection after it.
type faults struct {
	mu    sync.Mutex
	write func([]byte) ([]byte, bool)
}

// set changes the fault; nil ends it.
func (f *faults) set(write func([]byte) ([]byte, bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write = write
}

// listen is a cluster's option that puts the faults in.
func (f *faults) listen(t testing.TB) kfake.Opt {
	t.Helper()
	return kfake.ListenFn(func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		return faultListener{l, f}, nil
	})
}

type faultListener struct {
	net.Listener
	f *faults
}

func (l faultListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return faultConn{conn, l.f}, nil
}

type faultConn struct {
	net.Conn
	f *faults
}

func (c faultConn) Write(b []byte) (int, error) {
	c.f.mu.Lock()
	write := c.f.write
	c.f.mu.Unlock()
	if write == nil {
		return c.Conn.Write(b)
	}
	out, alive := write(b)
	_, err := c.Conn.Write(out)
	if !alive {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return len(b), err
}
