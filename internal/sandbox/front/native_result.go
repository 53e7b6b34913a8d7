package front

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/pianola/pianola/internal/sandbox/front/block"
	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
	"github.com/pianola/pianola/internal/sandbox/front/statement"
)

// read runs a statement and sends its result.
func (c *nativeConn) read(r request, compressed bool) error {
	if query, format := statement.CutFormat(r.sql); format != "" && statement.Verb(query) != "INSERT" {
		// The protocol carries blocks, whatever the text asks for: formatting is
		// the client's.
		r.sql = query
	}
	var total proto.Profile
	err := c.watch(func() error {
		err := c.session.run(r, "Native", true, func(chunk *libchdb.Result) error {
			return c.sendChunk(chunk, &total, compressed)
		})
		if err != nil || total.Blocks > 0 {
			return err
		}
		return c.sendEmpty(r, compressed)
	})
	if err != nil {
		return err
	}
	if total.Blocks > 0 {
		c.put(func(b *proto.Buffer) { total.EncodeAware(b, int(c.revision)) })
	}
	return nil
}

// sendChunk sends a chunk of a result, before the first one its columns.
func (c *nativeConn) sendChunk(chunk *libchdb.Result, total *proto.Profile, compressed bool) error {
	document := chunk.Bytes()
	src := bufio.NewReaderSize(bytes.NewReader(document), connBuffer)
	if total.Blocks == 0 {
		first, err := block.Copy(io.Discard, block.Engine, src, block.Engine)
		if err != nil {
			return fmt.Errorf("read result: %w", err)
		}
		if err := c.sendHeader(first.Columns, compressed); err != nil {
			return err
		}
		src.Reset(bytes.NewReader(document))
	}
	for {
		if _, err := src.Peek(1); err != nil {
			break
		}
		var rows uint64
		err := c.sendData(compressed, func(dst io.Writer) error {
			b, err := block.Copy(dst, c.revision, src, block.Engine)
			rows = b.Rows
			return err
		})
		if err != nil {
			return err
		}
		total.Blocks++
		total.Rows += rows
		c.put(func(b *proto.Buffer) {
			proto.ServerCodeProgress.Encode(b)
			proto.Progress{Rows: rows, Bytes: uint64(len(document))}.EncodeAware(b, int(c.revision))
		})
	}
	total.Bytes += uint64(len(document))
	return c.flush()
}

// sendEmpty sends the columns of a query that gave no rows. Statements that have
// no result have no columns; of the others only queries can be asked for theirs.
func (c *nativeConn) sendEmpty(r request, compressed bool) error {
	analysis, err := c.session.conn.Classify(r.sql)
	if err != nil || analysis.Class != libchdb.ReadOnly {
		return err
	}
	columns, err := c.session.resultColumns(r)
	var own *libchdb.Error
	if errors.As(err, &own) {
		columns, err = nil, nil
	}
	if err != nil {
		return err
	}
	return c.sendHeader(columns, compressed)
}

func (c *nativeConn) sendHeader(columns []block.Column, compressed bool) error {
	return c.sendData(compressed, func(dst io.Writer) error {
		return block.Header(dst, c.revision, columns)
	})
}

// sendData puts a data packet around what write writes.
func (c *nativeConn) sendData(compressed bool, write func(io.Writer) error) error {
	c.put(func(b *proto.Buffer) {
		proto.ServerCodeData.Encode(b)
		b.PutString("") // no external table
	})
	if !compressed {
		return write(c.out)
	}
	frames := newFrameWriter(c.out, compress.LZ4)
	if err := write(frames); err != nil {
		return err
	}
	return frames.Flush()
}
