package faultproxy

import (
	"fmt"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
)

const text = "INSERT INTO t VALUES"

// clientStream is what a client sends: a hello, then an addendum and a query.
func clientStream(compression proto.Compression) (hello, query []byte) {
	var h, q proto.Buffer
	proto.ClientHello{Name: "client", ProtocolVersion: proto.Version, Database: "d", User: "u", Password: "p"}.Encode(&h)
	q.PutString("") // the addendum
	// The version and the empty values look like the beginning of the text.
	info := proto.ClientInfo{ProtocolVersion: proto.Version, Interface: proto.InterfaceTCP, Query: proto.ClientQueryInitial, Patch: 2}
	proto.Query{
		ID: "9f0a7d5e-0000-4000-8000-000000000000", Body: text, Compression: compression, Info: info,
		Settings: []proto.Setting{{Key: "max_threads"}}, Parameters: []proto.Parameter{{Key: "name"}},
	}.EncodeAware(&q, proto.Version)
	return h.Buf, q.Buf
}

// ClientStreams are seeds for fuzzing.
func ClientStreams() [][]byte {
	hello, query := clientStream(proto.CompressionEnabled)
	return [][]byte{append(append(hello, query...), query[1:]...), nil, []byte("GET / HTTP/1.1\r\n\r\n"), []byte("\x01\x00\x00\x02\x00\xff\xff\xff\xff\xff\x0f")}
}

func TestFindQuery(t *testing.T) {
	for compression := range proto.CompressionEnabled + 1 {
		hello, query := clientStream(compression)
		for n := range len(query) + 1 {
			from, to, compressed, found := findQuery(query[:n])
			if found && (string(query[from:to]) != text || compressed != (compression == proto.CompressionEnabled)) || !found && n == len(query) || findDatabase(hello) != "d" {
				t.Errorf("%d of %d bytes: %d to %d, %v, %v", n, len(query), from, to, compressed, found)
			}
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"INSERT INTO t (a, b) VALUES":                               "INSERT t true INSERT INTO t (a, b)",
		"INSERT INTO TABLE db.`odd name` FORMAT Native":             "INSERT odd name true INSERT INTO TABLE db.`odd name`",
		"INSERT INTO FUNCTION file('x') VALUES (1)":                 "INSERT file true INSERT INTO FUNCTION file('x')",
		"INSERT INTO t FORMAT TSV\na SELECT b":                      "INSERT t true INSERT INTO t",
		"insert into letters (a) select a from others final":        "INSERT letters false insert into letters (a) select a from others final",
		"-- why\n/* and */ SELECT a FROM (SELECT b FROM db.inner )": "SELECT inner false -- why\n/* and */ SELECT a FROM (SELECT b FROM db.inner )",
		"ALTER TABLE `d`.t DROP COLUMN a":                           "ALTER t false ALTER TABLE `d`.t DROP COLUMN a",
		"DROP TABLE IF EXISTS d.t":                                  "DROP t false DROP TABLE IF EXISTS d.t",
		"":                                                          "  false ",
	} {
		s, data := parse(text)
		if got := fmt.Sprintf("%s %s %v %s", s.Verb, s.Table, data, s.Text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
