package front

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/pianola/pianola/internal/sandbox/front/block"
	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
	"github.com/pianola/pianola/internal/sandbox/front/statement"
)

// insertBuffer gathers bytes for the engine: a call into it for each few strings
// would cost more than the copy.
const insertBuffer = 1 << 20

// errClientCancelled says that the client took its insert back.
var errClientCancelled = exception(codeCancelled, "QUERY_WAS_CANCELLED", "Query was cancelled")

// insert runs an INSERT whose data the client sends: the columns go out, then
// blocks come in up to an empty one. Nothing is stored before that has come, apart
// from what the engine writes on the way once an insert is larger than its
// min_insert_block_size_rows, as ClickHouse does. skip is set while blocks may
// follow that are not read here.
func (c *nativeConn) insert(r request, in statement.Insert, compressed bool, fault *Fault, skip *bool) error {
	if r.readonly() {
		return exception(codeReadonly, "READONLY", "Cannot execute query in readonly mode")
	}
	columns, err := c.session.insertColumns(in, r.params)
	if err != nil {
		return err
	}
	insert, err := c.session.conn.Insert(in.Head, "Native", r.params...)
	if err != nil {
		return err
	}
	defer insert.Close()
	if err := c.sendHeader(columns, compressed); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	if err := c.receive(insert, compressed, fault, skip); err != nil {
		return err
	}
	var rows, bytes uint64
	// The client waits, and could only leave: a commit under way is finished.
	err = c.session.killable(c.server.quit, func() (err error) {
		rows, bytes, err = insert.Commit()
		return err
	})
	if err != nil {
		return err
	}
	c.put(func(b *proto.Buffer) {
		proto.ServerCodeProgress.Encode(b)
		proto.Progress{WroteRows: rows, WroteBytes: bytes}.EncodeAware(b, int(c.revision))
	})
	return nil
}

// receive feeds the client's blocks to the insert.
func (c *nativeConn) receive(insert *libchdb.Insert, compressed bool, fault *Fault, skip *bool) error {
	engine := &engineWriter{insert: insert}
	buffered := bufio.NewWriterSize(engine, insertBuffer)
	for {
		code, err := binary.ReadUvarint(c.in)
		if err != nil {
			c.lost = true
			return fmt.Errorf("read block: %w", err)
		}
		switch proto.ClientCode(code) {
		case proto.ClientCodeData:
		case proto.ClientCodeCancel:
			return errClientCancelled
		default:
			c.cut = true
			return exception(codeUnexpectedPacket, "UNEXPECTED_PACKET_FROM_CLIENT", fmt.Sprintf("packet %d between blocks", code))
		}
		b, err := c.readBlock(buffered, compressed)
		if err != nil {
			// Where the block ends, and the next packet begins, is unknown.
			c.cut = true
			return fmt.Errorf("read block: %w", err)
		}
		if b.Empty() {
			return nil
		}
		if b.Rows == 0 {
			// To the engine a block without rows is the end of the data.
			buffered.Reset(engine)
			continue
		}
		err = fault.strike(c.server.quit, Midway)
		if err == nil {
			err = errors.Join(buffered.Flush(), engine.err)
		}
		if err != nil {
			*skip = true
			return err
		}
		fault = nil // a delay is waited for once
		if err := c.acknowledgeBlock(); err != nil {
			return err
		}
	}
}

// acknowledgeBlock sends the profile events of a block, of which there are none:
// some clients wait for the packet.
func (c *nativeConn) acknowledgeBlock() error {
	if !proto.FeatureProfileEvents.In(int(c.revision)) {
		return nil
	}
	c.put(func(b *proto.Buffer) {
		proto.ServerProfileEvents.Encode(b)
		b.PutString("")
	})
	if err := block.Header(c.out, c.revision, nil); err != nil {
		return err
	}
	return c.flush()
}

// skipBlocks reads what a client sends of an insert that has failed, up to the
// empty block, or to another packet from one that has noticed.
func (c *nativeConn) skipBlocks(compressed bool) error {
	for {
		next, err := c.in.Peek(1)
		if err != nil {
			return err
		}
		if proto.ClientCode(next[0]) != proto.ClientCodeData {
			return nil
		}
		if _, err := c.in.Discard(1); err != nil {
			return err
		}
		b, err := c.readBlock(io.Discard, compressed)
		if err != nil {
			return err
		}
		if b.Empty() {
			return nil
		}
	}
}

// engineWriter feeds an insert. After an error it takes and drops everything, so
// that the block under way can be read to its end.
type engineWriter struct {
	insert *libchdb.Insert
	err    error
}

func (w *engineWriter) Write(p []byte) (int, error) {
	if w.err == nil {
		_, w.err = w.insert.Write(p)
	}
	return len(p), nil
}
