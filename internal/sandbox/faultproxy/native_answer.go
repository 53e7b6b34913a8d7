package faultproxy

import (
	"bytes"
	"fmt"
	"io"
	"testing/iotest"

	"github.com/ClickHouse/ch-go/proto"
)

// after passes the answer to a statement on, packet by packet, and puts the fault in
// place of the end of it. It fails for a result with columns that ch-go does not know.
func (c *nativeConn) after(f *pendingFault) error {
	var packet bytes.Buffer
	// One byte at a time: a proto.Reader reads ahead, past the end of a packet.
	r := proto.NewReader(iotest.OneByteReader(io.TeeReader(c.out, &packet)))
	for {
		b, err := r.UInt8()
		if err != nil {
			return err
		}
		code := proto.ServerCode(b)
		if code == proto.ServerCodeEndOfStream {
			f.wait(c.proxy.quit)
			if !f.late() {
				return c.give(f.Fault, c.out)
			}
		} else if err := decodeAnswer(r, code, f.compressed); err != nil {
			return fmt.Errorf("decode the server's answer: %w", err)
		}
		if _, err := packet.WriteTo(c.client); err != nil {
			return err
		}
		if code == proto.ServerCodeEndOfStream || code == proto.ServerCodeException {
			return nil
		}
	}
}

// decodeAnswer reads one packet of an answer behind its code.
func decodeAnswer(r *proto.Reader, code proto.ServerCode, compressed bool) error {
	var packet proto.AwareDecoder
	switch code {
	case proto.ServerCodeData, proto.ServerCodeTotals, proto.ServerCodeExtremes,
		proto.ServerCodeLog, proto.ServerProfileEvents:
		if _, err := r.Str(); err != nil { // the table's name
			return err
		}
		if compressed && code.Compressible() {
			r.EnableCompression()
			defer r.DisableCompression()
		}
		return new(proto.Block).DecodeBlock(r, proto.Version, anyColumns{})
	case proto.ServerCodeException:
		packet = &proto.Exception{}
	case proto.ServerCodeProgress:
		packet = &proto.Progress{}
	case proto.ServerCodeProfile:
		packet = &proto.Profile{}
	case proto.ServerCodeTableColumns:
		packet = &proto.TableColumns{}
	default:
		return fmt.Errorf("unexpected packet %d", code)
	}
	return packet.DecodeAware(r, proto.Version)
}

// anyColumns takes columns of every type that ch-go knows, and of any type where
// there are no rows.
type anyColumns struct{}

// DecodeResult reads a block's columns.
func (anyColumns) DecodeResult(r *proto.Reader, revision int, b proto.Block) error {
	var columns proto.Results
	if b.Rows == 0 {
		return columns.DecodeResult(r, revision, b)
	}
	return columns.Auto().DecodeResult(r, revision, b)
}
