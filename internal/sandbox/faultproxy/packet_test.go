package faultproxy

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
)

// clientQuery is a query packet as ch-go encodes it, with every kind of field.
func clientQuery(text string, compression proto.Compression) []byte {
	var b proto.Buffer
	proto.Query{
		ID: "9f0a7d5e-0000-4000-8000-000000000000", Body: text, Stage: proto.StageComplete, Compression: compression,
		Settings:   []proto.Setting{{Key: "max_threads", Value: "1", Important: true}},
		Parameters: []proto.Parameter{{Key: "name", Value: "'value'"}},
		Info: proto.ClientInfo{
			ProtocolVersion: proto.Version, Interface: proto.InterfaceTCP, Query: proto.ClientQueryInitial,
			InitialUser: "user", InitialAddress: "127.0.0.1:1", ClientName: "client",
		},
	}.EncodeAware(&b, proto.Version)
	return b.Buf
}

// tablesEnd is the data packet that stands behind every query.
func tablesEnd(t testing.TB, compression proto.Compression) []byte {
	var b proto.Buffer
	proto.ClientCodeData.Encode(&b)
	proto.ClientData{}.EncodeAware(&b, proto.Version)
	var block proto.Buffer
	if err := (proto.Block{}).EncodeBlock(&block, proto.Version, nil); err != nil {
		t.Fatal(err)
	}
	if compression == proto.CompressionEnabled {
		w := compress.NewWriter(compress.LevelZero, compress.LZ4)
		if err := w.Compress(block.Buf); err != nil {
			t.Fatal(err)
		}
		block.Buf = w.Data
	}
	return append(b.Buf, block.Buf...)
}

// ClientStreams are what clients send, from their hello on.
func ClientStreams() [][]byte {
	var b proto.Buffer
	proto.ClientHello{Name: "client", ProtocolVersion: proto.Version, Database: "d", User: "u", Password: "p"}.Encode(&b)
	b.PutString("") // the addendum
	var streams [][]byte
	for _, compression := range []proto.Compression{proto.CompressionDisabled, proto.CompressionEnabled} {
		stream := append(bytes.Clone(b.Buf), clientQuery("INSERT INTO t VALUES", compression)...)
		stream = append(stream, tablesEnd(nil, compression)...)
		streams = append(streams, append(stream, clientQuery("SELECT 1", compression)...))
	}
	return append(streams, b.Buf, []byte{byte(proto.ClientCodePing)}, []byte("GET / HTTP/1.1\r\n\r\n"))
}

func TestFields_Query(t *testing.T) {
	for _, compression := range []proto.Compression{proto.CompressionDisabled, proto.CompressionEnabled} {
		const text = "SELECT 1"
		packet := clientQuery(text, compression)
		end := tablesEnd(t, compression)
		f := &fields{rest: append(bytes.Clone(packet), end...)}
		q := f.query()
		if f.err != nil || q.text != text || q.compressed != (compression == proto.CompressionEnabled) || !bytes.Equal(f.rest, end) {
			t.Fatalf("%+v, %d bytes left, %v", q, len(f.rest), f.err)
		}
		if f.endOfTables(q.compressed); f.err != nil || len(f.rest) > 0 {
			t.Fatalf("%d bytes left, %v", len(f.rest), f.err)
		}
		for n := range packet {
			f := &fields{rest: packet[:n]}
			if f.query(); !errors.Is(f.err, errIncomplete) {
				t.Fatalf("%d of %d bytes: %v", n, len(packet), f.err)
			}
		}
	}
}

// FuzzFields_Query decodes any bytes without a panic. More bytes do not change a packet
// that is complete or refused.
func FuzzFields_Query(f *testing.F) {
	for _, stream := range ClientStreams() {
		f.Add(stream)
	}
	f.Add(clientQuery("SELECT 1", proto.CompressionDisabled))
	f.Fuzz(func(t *testing.T, packet []byte) {
		for name, decode := range map[string]func(*fields){
			"query": func(f *fields) { f.query() }, "hello": func(f *fields) { f.hello() },
			"end": func(f *fields) { f.endOfTables(false) }, "compressed end": func(f *fields) { f.endOfTables(true) },
		} {
			whole := &fields{rest: packet}
			decode(whole)
			longer := &fields{rest: append(bytes.Clone(packet), "\x00more"...)}
			decode(longer)
			switch {
			case whole.err == nil && (longer.err != nil || len(longer.rest) != len(whole.rest)+5):
				t.Errorf("%s: complete, then %v with more bytes", name, longer.err)
			case errors.Is(whole.err, errOther) && !errors.Is(longer.err, errOther):
				t.Errorf("%s: refused, then %v with more bytes", name, longer.err)
			}
		}
	})
}

func TestStatement(t *testing.T) {
	for text, want := range map[string]struct {
		verb, table, head string
		data              bool
	}{
		"INSERT INTO t (a, b) VALUES":                               {"INSERT", "t", "INSERT INTO t (a, b)", true},
		"INSERT INTO TABLE db.`odd name` FORMAT Native":             {"INSERT", "odd name", "INSERT INTO TABLE db.`odd name`", true},
		"INSERT INTO FUNCTION file('x') VALUES (1)":                 {"INSERT", "file", "INSERT INTO FUNCTION file('x')", true},
		"insert into letters (a) select a from others final":        {verb: "INSERT", table: "letters"},
		"-- why\n/* and */ SELECT a FROM (SELECT b FROM db.inner )": {verb: "SELECT", table: "inner"},
		"ALTER TABLE `d`.t ADD CONSTRAINT c CHECK a":                {verb: "ALTER", table: "t"},
		"CREATE TABLE IF NOT EXISTS t (a UInt8) ENGINE = Memory":    {verb: "CREATE", table: "t"},
		"DROP TABLE IF EXISTS d.t":                                  {verb: "DROP", table: "t"},
		"SELECT 1":                                                  {verb: "SELECT"},
		"INSERT INTO":                                               {"INSERT", "", "INSERT INTO", true},
		"":                                                          {},
	} {
		head, _, data := insertsData(text)
		if verb(text) != want.verb || table(text) != want.table || data != want.data || data && head != want.head {
			t.Errorf("%s: %s, %s, %s, %v", text, verb(text), table(text), head, data)
		}
	}
}
