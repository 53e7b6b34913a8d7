package front

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/pianola/pianola/internal/sandbox/front/block"
	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
	"github.com/pianola/pianola/internal/sandbox/front/statement"
)

// maxSettings bounds the settings and the parameters of one statement.
const maxSettings = 10_000

// query reads a query and answers it. An error means that the connection cannot
// go on; what the statement did wrong is told to the client and is none.
func (c *nativeConn) query() error {
	r, compressed, err := c.readQuery()
	if err != nil {
		return errors.Join(fmt.Errorf("read query: %w", err), c.fail(err))
	}
	if err := c.readNoTables(compressed); err != nil {
		return errors.Join(fmt.Errorf("read query: %w", err), c.fail(err))
	}
	in, insert := statement.ParseInsert(r.sql)
	insert = insert && in.Data == ""
	fault := c.server.decide("native", c.database, r.sql)
	if !insert {
		fault = fault.withoutData()
	}
	// skip is set while the client may be sending blocks that nobody wants.
	var skip bool
	err = c.session.withSettings(r.settings, func() error {
		if err := fault.strike(c.server.quit, Before); err != nil {
			return err
		}
		var err error
		if insert {
			err = c.insert(r, in, compressed, fault, &skip)
		} else {
			err = c.read(r, compressed)
		}
		if err != nil {
			return err
		}
		return fault.strike(c.server.quit, After)
	})
	if err == nil {
		return c.send(func(b *proto.Buffer) { proto.ServerCodeEndOfStream.Encode(b) })
	}
	var struck *struckError
	if errors.As(err, &struck) {
		if struck.hang {
			_, _ = io.Copy(io.Discard, c.in) // until the client leaves, or the server closes
		}
		if struck.exception == nil {
			return err // and the connection with it
		}
		c.cut = struck.cut
	}
	if failed := c.fail(err); failed != nil {
		return failed
	}
	if c.cut {
		return err
	}
	if !skip {
		return nil
	}
	return c.skipBlocks(compressed)
}

// readQuery reads the query packet after its code. ch-go decodes it too, but
// allocates whatever length a client claims.
func (c *nativeConn) readQuery() (r request, compressed bool, err error) {
	version := int(c.revision)
	f := &fields{in: c.in}
	f.text(maxShort) // the query's id, which the engine chooses itself
	c.skipClientInfo(f)
	r.settings, err = f.settings()
	if err != nil {
		return r, false, err
	}
	if proto.FeatureInterServerSecret.In(version) {
		f.text(maxShort)
	}
	f.number() // the stage: clients want complete results
	compressed = f.number() != 0
	r.sql = f.text(maxStatement)
	if proto.FeatureParameters.In(version) {
		params, err := f.settings()
		if err != nil {
			return r, false, err
		}
		for _, p := range params {
			r.params = append(r.params, libchdb.Param{Name: p.name, Value: unquoteDump(p.value)})
		}
	}
	return r, compressed, f.err
}

func (c *nativeConn) skipClientInfo(f *fields) {
	version := int(c.revision)
	if f.byte() == 0 { // no query kind: no client info
		return
	}
	for range 3 { // initial user, query id, address
		f.text(maxShort)
	}
	if proto.FeatureQueryStartTime.In(version) {
		f.skip(8)
	}
	if kind := f.byte(); f.err == nil && proto.Interface(kind) != proto.InterfaceTCP {
		f.err = fmt.Errorf("%w: client interface %d", block.ErrCorrupt, kind)
		return
	}
	for range 3 { // system user, host, client
		f.text(maxShort)
	}
	for range 3 { // major, minor, revision
		f.number()
	}
	if proto.FeatureQuotaKeyInClientInfo.In(version) {
		f.text(maxShort)
	}
	if proto.FeatureDistributedDepth.In(version) {
		f.number()
	}
	if proto.FeatureVersionPatch.In(version) {
		f.number()
	}
	if proto.FeatureOpenTelemetry.In(version) && f.byte() != 0 {
		f.skip(16 + 8) // trace and span
		f.text(maxShort)
		f.byte()
	}
	if proto.FeatureParallelReplicas.In(version) {
		for range 3 {
			f.number()
		}
	}
}

// settings reads names, flags and values up to an empty name.
func (f *fields) settings() ([]setting, error) {
	const important = 1
	var all []setting
	for {
		name := f.text(maxShort)
		if f.err != nil || name == "" {
			return all, f.err
		}
		if len(all) == maxSettings {
			return nil, fmt.Errorf("%w: more than %d settings", block.ErrLimit, maxSettings)
		}
		flags := f.number()
		all = append(all, setting{name: name, value: f.text(maxStatement), important: flags&important != 0})
	}
}

// unquoteDump undoes the quotes that the native protocol puts around parameter
// values; one without them is taken as it is.
func unquoteDump(value string) string {
	if len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
		return value
	}
	var out strings.Builder
	for inside := value[1 : len(value)-1]; inside != ""; {
		if inside[0] == '\\' && len(inside) > 1 {
			if plain, ok := escapes[inside[1]]; ok {
				out.WriteByte(plain)
			} else {
				out.WriteByte(inside[1])
			}
			inside = inside[2:]
			continue
		}
		if strings.HasPrefix(inside, "''") {
			inside = inside[1:]
		}
		out.WriteByte(inside[0])
		inside = inside[1:]
	}
	return out.String()
}

// escapes are the backslash escapes that do not stand for the character itself.
var escapes = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', '0': 0, 'a': '\a', 'v': '\v', 'e': 0x1b}

// readNoTables reads the data packets that follow every query, of which only the
// empty one is taken: external tables are not.
func (c *nativeConn) readNoTables(compressed bool) error {
	code, err := binary.ReadUvarint(c.in)
	if err != nil {
		return err
	}
	if proto.ClientCode(code) != proto.ClientCodeData {
		return exception(codeUnexpectedPacket, "UNEXPECTED_PACKET_FROM_CLIENT", fmt.Sprintf("packet %d instead of data", code))
	}
	b, err := c.readBlock(io.Discard, compressed)
	if err != nil {
		return err
	}
	if !b.Empty() {
		return exception(codeNotImplemented, "NOT_IMPLEMENTED", "external tables are not taken here")
	}
	return nil
}

// readBlock reads a data packet after its code and writes its block to dst as the
// engine reads it.
func (c *nativeConn) readBlock(dst io.Writer, compressed bool) (block.Block, error) {
	if _, err := readText(c.in, maxShort); err != nil { // the external table's name
		return block.Block{}, err
	}
	src := c.in
	if compressed {
		src = c.plain
	}
	return block.Copy(dst, block.Engine, src, c.revision)
}
