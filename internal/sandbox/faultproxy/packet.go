package faultproxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"testing/iotest"

	"github.com/ClickHouse/ch-go/proto"
)

// findDatabase returns the database from a client's first packet, where it follows the
// protocol revision. Both Go clients have the revision of ch-go.
func findDatabase(hello []byte) string {
	_, rest, _ := bytes.Cut(hello, binary.AppendUvarint(nil, proto.Version))
	n, size := binary.Uvarint(rest)
	if size <= 0 || n > uint64(len(rest)-size) {
		return ""
	}
	return string(rest[size:][:n])
}

// findQuery returns where the text of a query packet is. The text may end after chunk. It
// follows the empty name that ends the settings, an empty cluster secret, the stage and
// the compression. ch-go decodes the packet too, but not safely where chunk is data: it
// allocates any length that the bytes claim.
func findQuery(chunk []byte) (from, to int, compressed, found bool) {
	const addendum = "\x00" // an empty quota key, before the first query
	rest := bytes.TrimPrefix(chunk, []byte(addendum))
	if len(rest) == 0 || rest[0] != byte(proto.ClientCodeQuery) {
		return 0, 0, false, false
	}
	for {
		if _, rest, found = bytes.Cut(rest, []byte{0, 0, byte(proto.StageComplete)}); !found || len(rest) == 0 {
			return 0, 0, false, false
		}
		// Other fields can have these bytes, such as a version, but no text after them.
		n, size := binary.Uvarint(rest[1:])
		if rest[0] <= byte(proto.CompressionEnabled) && size > 0 && 1 < n && n <= maxText {
			from = len(chunk) - len(rest) + 1 + size
			return from, from + int(n), rest[0] == byte(proto.CompressionEnabled), true
		}
	}
}

// forwardAnswer forwards the answer to a statement packet by packet, and replaces its end
// with the fault. It fails for columns of a type that ch-go does not know.
func (c *nativeConn) forwardAnswer(f *afterFault) error {
	var packet bytes.Buffer
	// proto.Reader reads ahead. One byte a read, it stops at the end of a packet.
	r := proto.NewReader(iotest.OneByteReader(io.TeeReader(c.out, &packet)))
	for {
		b, err := r.UInt8()
		if err != nil {
			return err
		}
		code := proto.ServerCode(b)
		if code == proto.ServerCodeEndOfStream {
			return c.strike(f.Fault, c.out)
		}
		if err := decodeAnswer(r, code, f.compressed); err != nil {
			return fmt.Errorf("decode the server's answer: %w", err)
		}
		if _, err := packet.WriteTo(c.client); err != nil || code == proto.ServerCodeException {
			return err
		}
	}
}

// decodeAnswer decodes one packet of an answer after its code.
func decodeAnswer(r *proto.Reader, code proto.ServerCode, compressed bool) error {
	switch code {
	case proto.ServerCodeException:
		return new(proto.Exception).DecodeAware(r, proto.Version)
	case proto.ServerCodeProgress:
		return new(proto.Progress).DecodeAware(r, proto.Version)
	case proto.ServerCodeProfile:
		return new(proto.Profile).DecodeAware(r, proto.Version)
	case proto.ServerCodeTableColumns:
		return new(proto.TableColumns).DecodeAware(r, proto.Version)
	}
	if _, err := r.Str(); err != nil { // the name of a table, before a block
		return err
	}
	if compressed && code.Compressible() {
		r.EnableCompression()
		defer r.DisableCompression()
	}
	return new(proto.Block).DecodeBlock(r, proto.Version, new(proto.Results).Auto())
}
