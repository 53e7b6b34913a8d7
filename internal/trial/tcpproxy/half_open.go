package tcpproxy

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// halfOpen is a toxic that every connection has. It can forget the present connections, like
// a firewall that has lost its state or a machine that was replaced. Neither end is notified,
// not even when the other closes. New connections work.
type halfOpen struct {
	current atomic.Pointer[atomic.Bool] // whether the connections made since the last forget are forgotten
	done    chan struct{}               // closed with the proxy
}

// addHalfOpen adds the toxic in one direction to a proxy that has not been started.
func addHalfOpen(to *toxiproxy.Proxy, stream string) (*halfOpen, error) {
	toxics.Register("half_open", new(halfOpen)) // toxiproxy makes toxics by their names
	added, err := to.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name":"half_open_%s","type":"half_open","stream":%q}`, stream, stream)))
	if err != nil {
		return nil, fmt.Errorf("make connections that can be forgotten: %w", err)
	}
	h := added.Toxic.(*halfOpen)
	h.done = make(chan struct{})
	h.current.Store(new(atomic.Bool))
	return h, nil
}

// NewState is what a connection keeps: whether it is forgotten.
func (h *halfOpen) NewState() any { return h.current.Load() }

// forget makes all present connections mute, for ever.
func (h *halfOpen) forget() { h.current.Swap(new(atomic.Bool)).Store(true) }

// Pipe passes data on, or drops it, and with it the end of the data.
func (h *halfOpen) Pipe(stub *toxics.ToxicStub) {
	forgotten := stub.State.(*atomic.Bool)
	input := stub.Input
	for {
		select {
		case <-stub.Interrupt:
			return
		case <-h.done:
			stub.Close()
			return
		case chunk := <-input:
			switch {
			case forgotten.Load() && chunk == nil:
				input = nil // closed: it would be ready always
			case forgotten.Load():
			case chunk == nil:
				stub.Close()
				return
			default:
				stub.Output <- chunk
			}
		}
	}
}
