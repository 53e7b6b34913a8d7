package trial

import (
	"context"
	"fmt"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// line is a TCP proxy on loopback, and a relay behind it. One goroutine at a time
// puts faults in.
type line struct {
	proxy  *toxiproxy.Proxy
	relay  *relay
	server string // where it leads
}

func newLine(name, listen, upstream string) (*line, error) {
	relay, err := newRelay(upstream)
	if err != nil {
		return nil, err
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &line{proxy: toxiproxy.NewProxy(server, name, listen, relay.addr()), relay: relay, server: upstream}
	if err := l.proxy.Start(); err != nil {
		relay.close()
		return nil, fmt.Errorf("start the line to %s: %w", name, err)
	}
	return l, nil
}

func (l *line) addr() string { return l.proxy.Listen }

func (l *line) close() {
	l.proxy.Stop()
	l.relay.close()
}

// fault is one thing that can be wrong with a line, until it is put right.
type fault struct {
	name   string
	stream string // upstream is towards the server
	kind   string // of toxiproxy, or one of the two that are the line's own
	// attributes are toxiproxy's, as JSON; %d is replaced by a number of bytes
	// that is drawn anew each time.
	attributes string
}

// Faults that are no toxic.
const (
	cutAll   = ""          // cuts everything and refuses new connections
	halfOpen = "half-open" // forgets the connections that there are, and stays so
)

// lineFaults are what is tried. The times that they last reach from well below to
// beyond the bounds of one request.
var lineFaults = []fault{
	{name: "cut"},
	{name: "cut inside of a request", stream: "upstream", kind: "limit_data", attributes: `{"bytes":%d}`},
	{name: "cut inside of an answer", stream: "downstream", kind: "limit_data", attributes: `{"bytes":%d}`},
	{name: "requests vanish", stream: "upstream", kind: "timeout", attributes: `{"timeout":0}`},
	// What was asked for is done, and nobody hears of it.
	{name: "answers vanish", stream: "downstream", kind: "timeout", attributes: `{"timeout":0}`},
	{name: "late", stream: "downstream", kind: "latency", attributes: `{"latency":150,"jitter":150}`},
	{name: "thin", stream: "upstream", kind: "bandwidth", attributes: `{"rate":64}`},
	{name: "thin answers", stream: "downstream", kind: "bandwidth", attributes: `{"rate":64}`},
	// Neither end hears that the other is gone, and none of it comes back.
	{name: "half-open", kind: halfOpen},
	// What comes is answered by RST, a little later.
	{name: "reset", stream: "upstream", kind: "reset_peer", attributes: `{"timeout":20}`},
	// No answer comes in one piece.
	{name: "sliced", stream: "downstream", kind: "slicer", attributes: `{"average_size":300,"size_variation":200,"delay":20}`},
	// Who hangs up is not heard to for a while.
	{name: "slow to close", stream: "upstream", kind: "slow_close", attributes: `{"delay":2000}`},
}

const toxic = "fault"

// strike puts a fault in. bytes is how far a connection comes before it is cut.
func (l *line) strike(f fault, bytes int) error {
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
		return fmt.Errorf("put %q on the line: %w", f.name, err)
	}
	return nil
}

// heal takes it away. Connections that were silent are cut by that.
func (l *line) heal(ctx context.Context, f fault) error {
	var err error
	switch f.kind {
	case cutAll:
		err = l.proxy.Start()
	case halfOpen: // for ever
	default:
		err = l.proxy.Toxics.RemoveToxic(ctx, toxic)
	}
	if err != nil {
		return fmt.Errorf("take %q off the line: %w", f.name, err)
	}
	return nil
}
