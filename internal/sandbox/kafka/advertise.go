package kafka

import "net"

// listener returns the listen function for kfake. kfake advertises the address of its
// listener, so the listener returns the advertised address.
func (b *Broker) listener(advertise string) func(network, address string) (net.Listener, error) {
	return func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		b.listenAddr = l.Addr().String()
		if advertise == "" {
			return l, nil
		}
		return advertised{Listener: l, as: hostPort(advertise)}, nil
	}
}

// advertised is a listener that reports another address.
type advertised struct {
	net.Listener
	as hostPort
}

func (a advertised) Addr() net.Addr { return a.as }

// hostPort is a TCP address.
type hostPort string

func (hostPort) Network() string  { return "tcp" }
func (a hostPort) String() string { return string(a) }
