package line

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Line is a TCP proxy on loopback, and a relay behind it. One goroutine at a time
// puts faults in.
type Line struct {
	proxy  *toxiproxy.Proxy
	relay  *relay
	server string
}

// New starts a line from listen, a host and port, to the server at upstream. The name is
// for errors.
func New(name, listen, upstream string) (*Line, error) {
	relay, err := newRelay(upstream)
	if err != nil {
		return nil, err
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &Line{proxy: toxiproxy.NewProxy(server, name, listen, relay.addr()), relay: relay, server: upstream}
	if err := l.proxy.Start(); err != nil {
		relay.close()
		return nil, fmt.Errorf("start the line to %s: %w", name, err)
	}
	return l, nil
}

// Addr is where clients come in, as host and port.
func (l *Line) Addr() string { return l.proxy.Listen }

// Server is where it leads, as host and port: who comes there is past the line.
func (l *Line) Server() string { return l.server }

// Close cuts everything and waits for it.
func (l *Line) Close() {
	l.proxy.Stop()
	l.relay.close()
}

// Fault is one thing that can be wrong with a line, until it is put right.
type Fault struct {
	Name   string
	stream string // upstream is towards the server
	kind   string // of toxiproxy, or one of the two that are the line's own
	// attributes are toxiproxy's, as JSON; %d is replaced by a number of bytes
	// that is drawn anew each time.
	attributes string
}

// Faults that a trial asks for by name.
var (
	// Cut ends all connections and refuses new ones.
	Cut = Fault{Name: "cut"}
	// AnswersVanish: what was asked for is done, and nobody hears of it.
	AnswersVanish = Fault{Name: "answers vanish", stream: "downstream", kind: "timeout", attributes: `{"timeout":0}`}
)

// Stalls says that connections stay while nothing, or next to nothing, comes through.
func (f Fault) Stalls() bool { return f.kind == "timeout" || f.kind == "bandwidth" }

// Faults that are no toxic.
const (
	cutAll   = ""          // cuts everything and refuses new connections
	halfOpen = "half-open" // forgets the connections that there are, and stays so
)

// Draw gives one of Faults.
func Draw(dice *rand.Rand) Fault { return faults[dice.IntN(len(faults))] }

// Faults are all that there are. The times that they last reach from well below to
// beyond the bounds of one request.
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
	// Neither end hears that the other is gone, and none of it comes back.
	{Name: "half-open", kind: halfOpen},
	// What comes is answered by RST, a little later.
	{Name: "reset", stream: "upstream", kind: "reset_peer", attributes: `{"timeout":20}`},
	// No answer comes in one piece.
	{Name: "sliced", stream: "downstream", kind: "slicer", attributes: `{"average_size":300,"size_variation":200,"delay":20}`},
	// Who hangs up is not heard to for a while.
	{Name: "slow to close", stream: "upstream", kind: "slow_close", attributes: `{"delay":2000}`},
}

const toxic = "fault"

// Strike puts a fault in; there is one at a time. bytes is how far a connection comes before it is cut.
func (l *Line) Strike(f Fault, bytes int) error {
	switch f.kind {
	case cutAll:
		l.proxy.Stop()
		return nil
	case halfOpen:
		l.relay.forget()
		return nil
	}
	attributes := f.attributes
	if strings.Contains(attributes, "%d") {
		attributes = fmt.Sprintf(attributes, bytes)
	}
	wanted := fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"attributes":%s}`, toxic, f.kind, f.stream, attributes)
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(wanted)); err != nil {
		return fmt.Errorf("put %q on the line: %w", f.Name, err)
	}
	return nil
}

// Heal takes it away. Connections that were silent are cut by that.
func (l *Line) Heal(ctx context.Context, f Fault) error {
	var err error
	switch f.kind {
	case cutAll:
		err = l.proxy.Start()
	case halfOpen: // for ever
	default:
		err = l.proxy.Toxics.RemoveToxic(ctx, toxic)
	}
	if err != nil {
		return fmt.Errorf("take %q off the line: %w", f.Name, err)
	}
	return nil
}
