package clickhouse_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
	chgo "github.com/ClickHouse/clickhouse-go/v2"
)

const revision = 54460

// rawClient speaks the native protocol by hand, to say what no client says.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	in   *proto.Reader
}

func dialRaw(t *testing.T) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", server.NativeAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &rawClient{t: t, conn: conn, in: proto.NewReader(conn)}
}

func (c *rawClient) write(encode func(b *proto.Buffer)) {
	c.t.Helper()
	var b proto.Buffer
	encode(&b)
	if _, err := c.conn.Write(b.Buf); err != nil {
		c.t.Fatal(err)
	}
}

// greet introduces a client and gives the first packet that comes back.
func (c *rawClient) greet(database, user, password string) proto.ServerCode {
	c.t.Helper()
	c.write(func(b *proto.Buffer) {
		proto.ClientHello{Name: "raw", ProtocolVersion: revision, Database: database, User: user, Password: password}.Encode(b)
	})
	code := c.code()
	if code == proto.ServerCodeHello {
		var hello proto.ServerHello
		if err := hello.DecodeAware(c.in, revision); err != nil {
			c.t.Fatal(err)
		}
		if hello.Revision != revision {
			c.t.Fatalf("revision %d", hello.Revision)
		}
		c.write(func(b *proto.Buffer) { b.PutString("") })
	}
	return code
}

func (c *rawClient) code() proto.ServerCode {
	c.t.Helper()
	code, err := c.in.UVarInt()
	if err != nil {
		c.t.Fatal(err)
	}
	return proto.ServerCode(code)
}

func (c *rawClient) exception() proto.Exception {
	c.t.Helper()
	if code := c.code(); code != proto.ServerCodeException {
		c.t.Fatalf("packet %v instead of an exception", code)
	}
	var e proto.Exception
	if err := e.DecodeAware(c.in, revision); err != nil {
		c.t.Fatal(err)
	}
	return e
}

// query sends a query and the empty block after it.
func (c *rawClient) query(sql string, compression proto.Compression) {
	c.t.Helper()
	c.write(func(b *proto.Buffer) {
		proto.Query{
			Body: sql, Stage: proto.StageComplete, Compression: compression,
			Info: proto.ClientInfo{Interface: proto.InterfaceTCP, Query: proto.ClientQueryInitial, ProtocolVersion: revision},
		}.EncodeAware(b, revision)
	})
	if compression == proto.CompressionDisabled {
		c.write(emptyBlock)
		return
	}
	frame := compress.NewWriter(compress.LevelZero, compress.LZ4)
	var b proto.Buffer
	proto.Block{}.EncodeAware(&b, revision)
	if err := frame.Compress(b.Buf); err != nil {
		c.t.Fatal(err)
	}
	c.write(func(b *proto.Buffer) { dataPacket(b); b.PutRaw(frame.Data) })
}

func dataPacket(b *proto.Buffer) {
	proto.ClientCodeData.Encode(b)
	proto.ClientData{}.EncodeAware(b, revision)
}

// oneColumn is a block of one row up to its column's type.
func oneColumn(b *proto.Buffer, columnType string) {
	dataPacket(b)
	b.PutRaw([]byte{0})
	b.PutUVarInt(1)
	b.PutUVarInt(1)
	b.PutString("n")
	b.PutString(columnType)
}

func emptyBlock(b *proto.Buffer) {
	dataPacket(b)
	proto.Block{}.EncodeAware(b, revision)
}

// header reads the columns that answer an INSERT.
func (c *rawClient) header() {
	c.t.Helper()
	c.dataPacket()
	c.block()
}

func (c *rawClient) dataPacket() {
	c.t.Helper()
	if code := c.code(); code != proto.ServerCodeData {
		c.t.Fatalf("packet %v instead of data", code)
	}
	if _, err := c.in.Str(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *rawClient) block() {
	c.t.Helper()
	var b proto.Block
	if err := b.DecodeBlock(c.in, revision, new(proto.Results).Auto()); err != nil {
		c.t.Fatal(err)
	}
}

// compressedHeader reads the columns that answer an INSERT with compression.
func (c *rawClient) compressedHeader() {
	c.t.Helper()
	c.dataPacket()
	c.in.EnableCompression()
	defer c.in.DisableCompression()
	c.block()
}

// numbers is a block of one UInt64 column.
func numbers(b *proto.Buffer, values ...uint64) {
	column := proto.ColUInt64(values)
	if err := (proto.Block{Info: proto.BlockInfo{BucketNum: -1}, Columns: 1, Rows: len(values)}).EncodeBlock(b, revision, []proto.InputColumn{{Name: "n", Data: column}}); err != nil {
		panic(err)
	}
}

// ended tells whether the server has closed the connection.
func (c *rawClient) ended() bool {
	_, err := c.in.ReadByte()
	return errors.Is(err, io.EOF) || err != nil && !errors.Is(err, net.ErrClosed)
}

func TestServer_NativeLogin(t *testing.T) {
	if code := dialRaw(t).greet("", "", ""); code != proto.ServerCodeHello {
		t.Errorf("the default user: %v", code)
	}
	for _, login := range [][2]string{{"default", "secret"}, {"someone", ""}} {
		c := dialRaw(t)
		if code := c.greet("", login[0], login[1]); code != proto.ServerCodeException {
			t.Errorf("%q: %v", login[0], code)
		}
	}
	if code := dialRaw(t).greet("no_such_database", "default", ""); code != proto.ServerCodeException {
		t.Errorf("an unknown database: %v", code)
	}
}

// TestServer_HostileNative shows that no claimed length is allocated, that the
// client is told where it can be, and that the server goes on.
func TestServer_HostileNative(t *testing.T) {
	const huge = 1 << 60
	db := newDatabase(t, "hostile")
	conn := open(t, options(chgo.Native, db))
	execute(t, conn, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
	insert := func(c *rawClient) {
		c.query("INSERT INTO "+db+".t VALUES", proto.CompressionDisabled)
		c.header()
	}
	for _, test := range []struct {
		name string
		say  func(c *rawClient)
		code int // of the exception; 0 where the connection just ends
	}{
		{"no hello", func(c *rawClient) { c.write(func(b *proto.Buffer) { b.PutRaw([]byte("GET / HTTP/1.1\r\n\r\n")) }) }, 0},
		{"a long name in the hello", func(c *rawClient) {
			c.write(func(b *proto.Buffer) { proto.ClientCodeHello.Encode(b); b.PutUVarInt(huge) })
		}, 0},
		{"a long query", func(c *rawClient) {
			c.greet("", "", "")
			c.write(func(b *proto.Buffer) { proto.ClientCodeQuery.Encode(b); b.PutUVarInt(huge) })
		}, 117},
		{"an unknown packet", func(c *rawClient) {
			c.greet("", "", "")
			c.write(func(b *proto.Buffer) { b.PutUVarInt(99) })
		}, 0},
		{"a block of many columns", func(c *rawClient) {
			c.greet("", "", "")
			insert(c)
			c.write(func(b *proto.Buffer) { dataPacket(b); b.PutRaw([]byte{0}); b.PutUVarInt(huge); b.PutUVarInt(1) })
		}, 117},
		{"a block of many rows", func(c *rawClient) {
			c.greet("", "", "")
			insert(c)
			c.write(func(b *proto.Buffer) { dataPacket(b); b.PutRaw([]byte{0}); b.PutUVarInt(1); b.PutUVarInt(huge) })
		}, 117},
		{"a long string in a block", func(c *rawClient) {
			c.greet("", "", "")
			insert(c)
			c.write(func(b *proto.Buffer) { oneColumn(b, "String"); b.PutByte(0); b.PutUVarInt(huge) })
		}, 117},
		{"an aggregate state", func(c *rawClient) {
			c.greet("", "", "")
			insert(c)
			c.write(func(b *proto.Buffer) { oneColumn(b, "AggregateFunction(sum, UInt64)") })
		}, 50},
		{"a large compressed frame", func(c *rawClient) {
			c.greet("", "", "")
			c.query("INSERT INTO "+db+".t VALUES", proto.CompressionEnabled)
			c.write(func(b *proto.Buffer) {
				dataPacket(b)
				b.PutRaw(make([]byte, 16))
				b.PutByte(0x82)
				b.PutRaw(binary.LittleEndian.AppendUint32(nil, 0xffffffff))
				b.PutRaw(binary.LittleEndian.AppendUint32(nil, 0xffffffff))
			})
			c.compressedHeader()
		}, 271},
	} {
		t.Run(test.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c := dialRaw(t)
			test.say(c)
			if test.code > 0 {
				if e := c.exception(); int(e.Code) != test.code {
					t.Errorf("%d %s", e.Code, e.Message)
				}
			}
			if !c.ended() {
				t.Error("the connection goes on")
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
				t.Errorf("%d bytes were allocated", used)
			}
			if err := conn.Ping(context.Background()); err != nil {
				t.Errorf("another client: %v", err)
			}
		})
	}
	if n := count(t, conn, "SELECT count() FROM t"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// TestServer_CutInsert shows that an insert is stored when its end has come and
// not before.
func TestServer_CutInsert(t *testing.T) {
	db := newDatabase(t, "cut")
	conn := open(t, options(chgo.Native, db))
	execute(t, conn, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
	begin := func(t *testing.T) *rawClient {
		c := dialRaw(t)
		c.greet(db, "", "")
		c.query("INSERT INTO t VALUES", proto.CompressionDisabled)
		c.header()
		c.write(func(b *proto.Buffer) { dataPacket(b); numbers(b, 1, 2, 3) })
		return c
	}
	// quiet waits until no insert is left in the engine.
	quiet := func(t *testing.T) {
		waitFor(t, "the insert to end", func() bool {
			return count(t, conn, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO t%'") == 0
		})
	}
	for name, cut := range map[string]func(c *rawClient){
		"between blocks": func(*rawClient) {},
		"inside a block": func(c *rawClient) {
			c.write(func(b *proto.Buffer) { dataPacket(b); numbers(b, 4, 5); b.Buf = b.Buf[:len(b.Buf)-3] })
		},
		"by a cancel": func(c *rawClient) {
			c.write(func(b *proto.Buffer) { proto.ClientCodeCancel.Encode(b) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := begin(t)
			cut(c)
			if err := c.conn.Close(); err != nil {
				t.Fatal(err)
			}
			quiet(t)
			if n := count(t, conn, "SELECT count() FROM t"); n != 0 {
				t.Errorf("%d rows", n)
			}
		})
	}
	t.Run("over HTTP", func(t *testing.T) {
		c, err := net.Dial("tcp", server.HTTPAddr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "POST /?database="+db+"&query=INSERT+INTO+t+FORMAT+CSV HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n1\n2\n3\n"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the insert to begin", func() bool {
			return count(t, conn, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO t%'") == 1
		})
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		quiet(t)
		if n := count(t, conn, "SELECT count() FROM t"); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
	t.Run("not cut", func(t *testing.T) {
		c := begin(t)
		c.write(emptyBlock)
		out := bufio.NewReader(c.in)
		for {
			// Profile events and progress come first; the last packet is one byte.
			b, err := out.ReadByte()
			if err != nil {
				t.Fatal(err)
			}
			if proto.ServerCode(b) == proto.ServerCodeEndOfStream && out.Buffered() == 0 {
				break
			}
		}
		if n := count(t, conn, "SELECT count() FROM t"); n != 3 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestServer_NativeKeepsTheSession(t *testing.T) {
	o := options(chgo.Native, "")
	o.MaxOpenConns = 1
	conn := open(t, o)
	execute(t, conn, "SET max_threads = 5")
	value := func(ctx context.Context) string {
		t.Helper()
		var s string
		if err := conn.QueryRow(ctx, "SELECT toString(getSetting('max_threads'))").Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	ctx := context.Background()
	if got := value(chgo.Context(ctx, chgo.WithSettings(chgo.Settings{"max_threads": 3}))); got != "3" {
		t.Errorf("with a setting: %s", got)
	}
	if got := value(ctx); got != "5" {
		t.Errorf("after it: %s", got)
	}
	err := conn.Exec(chgo.Context(ctx, chgo.WithSettings(chgo.Settings{"no_such_setting": 3})), "SELECT 1")
	var e *chgo.Exception
	if !errors.As(err, &e) || e.Code != 115 || !strings.Contains(e.Message, "no_such_setting") {
		t.Errorf("an unknown setting: %v", err)
	}
	if err := conn.Exec(chgo.Context(ctx, chgo.WithSettings(chgo.Settings{"readonly": 1})), "CREATE DATABASE never"); !errors.As(err, &e) || e.Code != 164 {
		t.Errorf("readonly: %v", err)
	}
}
