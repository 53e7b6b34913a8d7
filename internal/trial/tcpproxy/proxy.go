package tcpproxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy is a TCP proxy on loopback. One goroutine at a time causes faults.
type Proxy struct {
	front    *toxiproxy.Proxy
	halfOpen [2]*halfOpen // by direction
}

// New starts a proxy from listen to the server at upstream, both host:port. The name is
// for errors.
func New(name, listen, upstream string) (p *Proxy, err error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p = &Proxy{front: toxiproxy.NewProxy(server, name, listen, upstream)}
	for i, stream := range []string{"upstream", "downstream"} {
		if p.halfOpen[i], err = addHalfOpen(p.front, stream); err != nil {
			return nil, err
		}
	}
	if err := p.front.Start(); err != nil {
		return nil, fmt.Errorf("start the proxy to %s: %w", name, err)
	}
	return p, nil
}

// Addr is where clients connect, as host:port.
func (p *Proxy) Addr() string { return p.front.Listen }

// Server is the address behind the proxy, as host:port. Its clients bypass the faults.
func (p *Proxy) Server() string { return p.front.Upstream }

// Close cuts all connections.
func (p *Proxy) Close() {
	p.front.Stop()
	for _, h := range p.halfOpen {
		close(h.done)
	}
}

// Fault is one thing that can be wrong with a network, until it is healed.
type Fault struct {
	Name   string
	stream string // upstream is towards the server
	kind   string // of toxiproxy, or one of the two below
	// attributes are toxiproxy's, as JSON. %d is replaced by a random number of bytes.
	attributes string
}

// Faults that a trial chooses by name.
var (
	// Cut ends all connections and refuses new ones.
	Cut = Fault{Name: "cut"}
	// AnswersVanish drops answers: requests are executed, and nobody learns of it.
	AnswersVanish = Fault{Name: "answers vanish", stream: "downstream", kind: "timeout", attributes: `{"timeout":0}`}
)

// Stalls says that connections stay open while nothing, or next to nothing, passes.
func (f Fault) Stalls() bool { return f.kind == "timeout" || f.kind == "bandwidth" }

// Faults that are not toxics which are added and removed.
const (
	cutAll = ""       // ends all connections and refuses new ones
	forget = "forget" // makes the present connections mute, for ever
)

// Draw returns one of Faults.
func Draw(dice *rand.Rand) Fault { return faults[dice.IntN(len(faults))] }

// Faults are all that there are. Delays reach from well below the bound of one request to
// beyond it.
func Faults() []Fault { return slices.Clone(faults) }

var faults = []Fault{
	Cut,
	{Name: "cut inside of a request", stream: "upstream", kind: "limit_data", attributes: `{"bytes":%d}`},
	{Name: "cut inside of an answer", stream: "downstream", kind: "limit_data", attributes: `{"bytes":%d}`},
	{Name: "requests vanish", stream: "upstream", kind: "timeout", attributes: `{"timeout":0}`},
	AnswersVanish,
	{Name: "late", stream: "downstream", kind: "latency", attributes: `{"latency":150,"jitter":150}`},
	{Name: "thin", stream: "upstream", kind: "bandwidth", attributes: `{"rate":64}`},
	{Name: "thin answers", stream: "downstream", kind: "bandwidth", attributes: `{"rate":64}`},
	// Neither end learns that the other is gone, and the connection never recovers.
	{Name: "half-open", kind: forget},
	// Data is answered with RST, after a short time.
	{Name: "reset", stream: "upstream", kind: "reset_peer", attributes: `{"timeout":20}`},
	// No answer arrives in one piece.
	{Name: "sliced", stream: "downstream", kind: "slicer", attributes: `{"average_size":300,"size_variation":200,"delay":20}`},
	// The server learns late that a client has closed.
	{Name: "slow to close", stream: "upstream", kind: "slow_close", attributes: `{"delay":2000}`},
}

const toxic = "fault"

// Strike causes a fault; there is one at a time. bytes is how much a connection carries
// before it is cut.
func (p *Proxy) Strike(f Fault, bytes int) error {
	switch f.kind {
	case cutAll:
		p.front.Stop()
		return nil
	case forget:
		for _, h := range p.halfOpen {
			h.forget()
		}
		return nil
	}
	attributes := f.attributes
	if strings.Contains(attributes, "%d") {
		attributes = fmt.Sprintf(attributes, bytes)
	}
	wanted := fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"attributes":%s}`, toxic, f.kind, f.stream, attributes)
	if _, err := p.front.Toxics.AddToxicJson(strings.NewReader(wanted)); err != nil {
		return fmt.Errorf("cause %q: %w", f.Name, err)
	}
	return nil
}

// Heal removes a fault. Connections that were silent are cut by that.
func (p *Proxy) Heal(ctx context.Context, f Fault) error {
	var err error
	switch f.kind {
	case cutAll:
		err = p.front.Start()
	case forget: // for ever
	default:
		err = p.front.Toxics.RemoveToxic(ctx, toxic)
	}
	if err != nil {
		return fmt.Errorf("heal %q: %w", f.Name, err)
	}
	return nil
}

// While causes a fault, calls do, and heals the fault, also when ctx has ended.
func (p *Proxy) While(ctx context.Context, f Fault, do func() error) error {
	if err := p.Strike(f, 0); err != nil {
		return err
	}
	return errors.Join(do(), p.Heal(context.WithoutCancel(ctx), f))
}
