package faultproxy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/ClickHouse/ch-go/proto"
)

var (
	errIncomplete = errors.New("the packet is not complete")
	errOther      = errors.New("not such a packet")
)

// await waits for a whole packet at the beginning of in, without reading it. size is
// its length. Bytes that are no such packet, or end within it, give errOther.
func await[T any](in *bufio.Reader, decode func(*fields) T) (packet T, size int, err error) {
	for n := 1; ; n = in.Buffered() + 1 {
		if _, err := in.Peek(n); err != nil {
			if n > 1 && (errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull)) {
				err = errOther
			}
			return packet, 0, err
		}
		rest, _ := in.Peek(in.Buffered()) // cannot fail
		f := &fields{rest: rest}
		packet = decode(f)
		if !errors.Is(f.err, errIncomplete) {
			return packet, len(rest) - len(f.rest), f.err
		}
	}
}

// fields reads the fields of a client's packet from rest, up to the first error.
// ch-go decodes these packets too, but allocates any length that a client claims.
type fields struct {
	rest []byte
	err  error
}

// hello is what a client says first.
type hello struct {
	revision uint64
	database string
}

func (f *fields) hello() (h hello) {
	f.expect(byte(proto.ClientCodeHello))
	f.names(1) // of the client
	f.numbers(2)
	h.revision = f.number()
	h.database = f.name()
	f.names(2) // user, password
	return h
}

// query is what matters of a query packet.
type query struct {
	text       string
	compressed bool // its data, and that of the answer
}

func (f *fields) query() (q query) {
	f.expect(byte(proto.ClientCodeQuery))
	f.names(1) // the query's id
	f.expect(byte(proto.ClientQueryInitial))
	f.names(3) // initial user, query id, address
	f.skip(8)  // start time
	f.expect(byte(proto.InterfaceTCP))
	f.names(3)           // system user, host, client
	f.numbers(3)         // version, revision
	f.names(1)           // quota key
	f.numbers(2)         // distributed depth, patch
	if f.number() != 0 { // telemetry
		f.skip(16 + 8) // trace, span
		f.names(1)
		f.skip(1)
	}
	f.numbers(3) // parallel replicas
	f.settings()
	f.text(maxText) // the cluster's secret
	f.expect(byte(proto.StageComplete))
	q.compressed = f.number() != 0
	q.text = f.text(maxText)
	f.settings() // the query's parameters
	return q
}

// settings skips names, flags and values up to an empty name.
func (f *fields) settings() {
	for f.name() != "" && f.err == nil {
		f.number()
		f.text(maxText)
	}
}

// endOfTables skips the data packet without a name that ends external tables. It
// stands behind every query.
func (f *fields) endOfTables(compressed bool) {
	f.expect(byte(proto.ClientCodeData))
	f.expect(0)
	if !compressed {
		f.skip(8 + 2) // info, no columns, no rows
		return
	}
	const method, size, most = 16, 17, 64 // behind a checksum
	header := f.skip(size + 4 + 4)
	if f.err != nil {
		return
	}
	frame := binary.LittleEndian.Uint32(header[size:])
	if frame > most || int(frame) < len(header)-method {
		f.err = errOther
		return
	}
	f.skip(int(frame) - (len(header) - method))
}

func (f *fields) number() uint64 {
	v, n := binary.Uvarint(f.rest)
	switch {
	case f.err != nil:
		return 0
	case n == 0:
		f.err = errIncomplete
	case n < 0:
		f.err = errOther
	default:
		f.rest = f.rest[n:]
	}
	return v
}

func (f *fields) numbers(n int) {
	for range n {
		f.number()
	}
}

func (f *fields) text(most uint64) string {
	n := f.number()
	if f.err == nil && n > most {
		f.err = errOther
	}
	return string(f.skip(int(min(n, most))))
}

// name reads a short text. Data that looks like the beginning of a query soon fails
// here, since no name has control characters. Otherwise await might wait for bytes
// that never come.
func (f *fields) name() string {
	const most = 4 << 10
	length, n := binary.Uvarint(f.rest)
	for i := max(n, 0); f.err == nil && i < len(f.rest) && uint64(i-n) < min(length, most); i++ {
		if f.rest[i] < ' ' {
			f.err = errOther
		}
	}
	return f.text(most)
}

func (f *fields) names(n int) {
	for range n {
		f.name()
	}
}

func (f *fields) skip(n int) []byte {
	if f.err == nil && n > len(f.rest) {
		f.err = errIncomplete
	}
	if f.err != nil {
		return nil
	}
	skipped := f.rest[:n]
	f.rest = f.rest[n:]
	return skipped
}

// expect reads one byte that can only have one value.
func (f *fields) expect(want byte) {
	if b := f.skip(1); f.err == nil && b[0] != want {
		f.err = errOther
	}
}
