package trial

import (
	"context"
	"fmt"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// line is a TCP proxy on loopback. One goroutine at a time puts faults in.
type line struct {
	proxy *toxiproxy.Proxy
}

func newLine(name, listen, upstream string) (*line, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &line{proxy: toxiproxy.NewProxy(server, name, listen, upstream)}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("start the line to %s: %w", name, err)
	}
	return l, nil
}

func (l *line) addr() string { return l.proxy.Listen }

func (l *line) close() { l.proxy.Stop() }

// fault is one thing that can be wrong with a line, until it is put right.
type fault struct {
	name   string
	stream string // upstream is towards the server
	kind   string // of toxiproxy; empty cuts everything and refuses new connections
	// attributes are toxiproxy's, as JSON; %d is replaced by a number of bytes
	// that is drawn anew each time.
	attributes string
}

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
}

const toxic = "fault"

// strike puts a fault in. bytes is how far a connection comes before it is cut.
func (l *line) strike(f fault, bytes int) error {
	if f.kind == "" {
		l.proxy.Stop()
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
	if f.kind == "" {
		err = l.proxy.Start()
	} else {
		err = l.proxy.Toxics.RemoveToxic(ctx, toxic)
	}
	if err != nil {
		return fmt.Errorf("take %q off the line: %w", f.name, err)
	}
	return nil
}
