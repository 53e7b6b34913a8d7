package kafka

import "net"

// listener gives what kfake listens with. kfake tells clients the address that its
// listener names, so that is where another one can be put in.
func (b *Broker) listener(advertise string) func(network, address string) (net.Listener, error) {
	return func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		b.behind = l.Addr().String()
		if advertise == "" {
			return l, nil
		}
		return advertised{Listener: l, as: hostPort(advertise)}, nil
	}
}

// advertised is a listener that goes by another name.
type advertised struct {
	net.Listener
	as hostPort
}

func (a advertised) Addr() net.Addr { return a.as }

// hostPort is host:port of TCP.
type hostPort string

func (hostPort) Network() string  { return "tcp" }
func (a hostPort) String() string { return string(a) }
