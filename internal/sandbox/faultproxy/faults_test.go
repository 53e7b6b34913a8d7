package faultproxy_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	chgo "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/sandbox/faultproxy"
)

// once puts a fault into the first statement of its kind and records all statements
// of its database.
type once struct {
	database, verb string
	fault          faultproxy.Fault

	mu     sync.Mutex
	struck bool
	asked  []faultproxy.Statement
}

func (o *once) control(s faultproxy.Statement) (faultproxy.Fault, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.Database != o.database {
		return faultproxy.Fault{}, false
	}
	o.asked = append(o.asked, s)
	if o.struck || s.Verb != o.verb || s.Table != "t" {
		return faultproxy.Fault{}, false
	}
	o.struck = true
	return o.fault, true
}

func (o *once) seen() (struck bool, asked []faultproxy.Statement) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.struck, slices.Clone(o.asked)
}

// strikes lets a fault wait for the first statement with a verb.
func strikes(t testing.TB, database, verb string, fault faultproxy.Fault) *once {
	t.Helper()
	o := &once{database: database, verb: verb, fault: fault}
	t.Cleanup(proxy.Control(o.control))
	return o
}

const exceeded = 159

// outcomes are what a client gets of each kind of fault at each moment.
var outcomes = []struct {
	name  string
	fault faultproxy.Fault
	code  int  // that the client gets, 0 without an exception
	fails bool // without a code
	rows  uint64
}{
	{name: "exception before", fault: faultproxy.Fault{Code: exceeded}, code: exceeded},
	{name: "exception midway", fault: faultproxy.Fault{At: faultproxy.Midway, Code: 241}, code: 241},
	{name: "exception after", fault: faultproxy.Fault{At: faultproxy.After, Code: 319}, code: 319, rows: 3},
	{name: "exception and cut before", fault: faultproxy.Fault{Code: 236, Cut: true}, code: 236},
	{name: "exception and cut midway", fault: faultproxy.Fault{At: faultproxy.Midway, Code: 236, Cut: true}, code: 236},
	{name: "exception and cut after", fault: faultproxy.Fault{At: faultproxy.After, Code: 236, Cut: true}, code: 236, rows: 3},
	{name: "cut before", fault: faultproxy.Fault{Cut: true}, fails: true},
	{name: "cut midway", fault: faultproxy.Fault{At: faultproxy.Midway, Cut: true}, fails: true},
	{name: "cut after", fault: faultproxy.Fault{At: faultproxy.After, Cut: true}, fails: true, rows: 3},
	{name: "hang before", fault: faultproxy.Fault{Hang: true}, fails: true},
	{name: "hang midway", fault: faultproxy.Fault{At: faultproxy.Midway, Hang: true}, fails: true},
	{name: "hang after", fault: faultproxy.Fault{At: faultproxy.After, Hang: true}, fails: true, rows: 3},
	{name: "late before", fault: faultproxy.Fault{Delay: 20 * time.Millisecond}, rows: 3},
	{name: "late midway", fault: faultproxy.Fault{At: faultproxy.Midway, Delay: 20 * time.Millisecond}, rows: 3},
	{name: "late after", fault: faultproxy.Fault{At: faultproxy.After, Delay: 20 * time.Millisecond}, rows: 3},
	{name: "late exception after", fault: faultproxy.Fault{At: faultproxy.After, Delay: 20 * time.Millisecond, Code: 209}, code: 209, rows: 3},
}

// hangTimeout is how long a client waits for an answer that never comes.
const hangTimeout = 300 * time.Millisecond

func TestFault_Insert(t *testing.T) {
	for _, test := range outcomes {
		for _, client := range []string{"native", "http", "native without compression", "ch-go", "ch-go with LZ4"} {
			t.Run(test.name+" over "+client, func(t *testing.T) {
				database := newDatabase(t, "insert_"+strings.NewReplacer(" ", "_", "-", "_").Replace(test.name+client))
				o := options(proxy, protocols[strings.Fields(client)[0]], database)
				if strings.HasSuffix(client, "without compression") {
					o.Compression = nil
				}
				conn := open(t, o)
				insertThree := func(ctx context.Context) error { return insert(ctx, conn, 3, 10) }
				if strings.HasPrefix(client, "ch-go") {
					insertThree = func(ctx context.Context) error {
						return insertDirect(ctx, database, strings.HasSuffix(client, "LZ4"))
					}
				}
				// The pool has a connection when the fault strikes.
				if n := count(t, conn, "SELECT count() FROM t"); n != 0 {
					t.Fatalf("%d rows", n)
				}
				struck := strikes(t, database, "INSERT", test.fault)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.fault.Hang {
					ctx, cancel = context.WithTimeout(ctx, hangTimeout)
					defer cancel()
				}
				begun := time.Now()
				err := insertThree(ctx)
				if took := time.Since(begun); took < test.fault.Delay {
					t.Errorf("answered after %v, want at least %v", took, test.fault.Delay)
				}
				switch answered := code(err); {
				case answered != test.code:
					t.Errorf("code %d, want %d: %v", answered, test.code, err)
				case test.fails != (test.code == 0 && err != nil):
					t.Errorf("fails without an answer: %v, want %v: %v", err != nil, test.fails, err)
				}
				if hit, _ := struck.seen(); !hit {
					t.Error("the fault was not met")
				}
				if n := count(t, conn, "SELECT count() FROM t"); n != test.rows {
					t.Errorf("%d rows, want %d", n, test.rows)
				}
				if err := insertThree(t.Context()); err != nil {
					t.Errorf("insert after the fault: %v", err)
				}
				if n := count(t, conn, "SELECT count() FROM t"); n != test.rows+3 {
					t.Errorf("%d rows after the next insert, want %d", n, test.rows+3)
				}
			})
		}
	}
}

// code is ClickHouse's code of an error of either client, 0 without one.
func code(err error) int {
	var fromDriver *chgo.Exception
	var direct *ch.Exception
	switch {
	case errors.As(err, &fromDriver):
		return int(fromDriver.Code)
	case errors.As(err, &direct):
		return int(direct.Code)
	}
	return 0
}

func dialDirect(ctx context.Context, database string, compressed bool) (*ch.Client, error) {
	compression := ch.CompressionDisabled
	if compressed {
		compression = ch.CompressionLZ4
	}
	return ch.Dial(ctx, ch.Options{
		Address: proxy.NativeAddr(), Database: database, User: user, Password: password, Compression: compression,
	})
}

// insertDirect inserts three rows with ch-go, in two blocks.
func insertDirect(ctx context.Context, database string, compressed bool) error {
	client, err := dialDirect(ctx, database, compressed)
	if err != nil {
		return err
	}
	defer client.Close()
	// ch-go does not end with its context while it reads.
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	return client.Do(ctx, threeRows())
}

func threeRows() ch.Query {
	n, s := proto.ColUInt64{1, 2}, new(proto.ColStr)
	s.AppendArr([]string{"a", "b"})
	input := proto.Input{{Name: "n", Data: &n}, {Name: "s", Data: s}}
	sent := false
	return ch.Query{Body: input.Into("t"), Input: input, OnInput: func(context.Context) error {
		input.Reset()
		if sent {
			return io.EOF
		}
		sent = true
		n.Append(3)
		s.Append("c")
		return nil
	}}
}

// TestFault_KeepsConnection: an exception before or after a statement leaves the
// connection as it is, as the server's own exceptions do.
func TestFault_KeepsConnection(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		t.Run("LZ4 "+strconv.FormatBool(compressed), func(t *testing.T) {
			database := newDatabase(t, "keeps_connection_"+strconv.FormatBool(compressed))
			client, err := dialDirect(t.Context(), database, compressed)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			for _, at := range []faultproxy.Moment{faultproxy.Before, faultproxy.After, faultproxy.Before, faultproxy.After} {
				o := strikes(t, database, "INSERT", faultproxy.Fault{At: at, Code: exceeded})
				if err := client.Do(t.Context(), threeRows()); code(err) != exceeded {
					t.Fatalf("want code %d: %v", exceeded, err)
				}
				if hit, _ := o.seen(); !hit {
					t.Fatal("the fault was not met")
				}
				if err := client.Do(t.Context(), threeRows()); err != nil {
					t.Fatal(err)
				}
				if err := client.Ping(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestFault_Select strikes statements without data: midway is before.
func TestFault_Select(t *testing.T) {
	for protocol, p := range protocols {
		database := newDatabase(t, "select_"+protocol)
		conn := open(t, options(proxy, p, database))
		if err := insert(t.Context(), conn, 1000, 200); err != nil {
			t.Fatal(err)
		}
		for _, at := range []faultproxy.Moment{faultproxy.Before, faultproxy.Midway, faultproxy.After} {
			for _, fault := range []faultproxy.Fault{{At: at, Code: 241}, {At: at, Cut: true}, {At: at, Delay: time.Millisecond}} {
				o := strikes(t, database, "SELECT", fault)
				rows, err := conn.Query(t.Context(), "SELECT n, s, toDateTime64(n, 3), toLowCardinality(s), [n], toNullable(n), toUUID('7b58e5f6-0000-4000-8000-000000000000') FROM t ORDER BY n")
				n := 0
				if err == nil {
					for rows.Next() {
						n++
					}
					err = errors.Join(rows.Err(), rows.Close())
				}
				late := fault.Code == 0 && !fault.Cut
				if code(err) != fault.Code || (err == nil) != late || late && n != 1000 {
					t.Errorf("%s, %+v: %d rows, %v", protocol, fault, n, err)
				}
				if hit, _ := o.seen(); !hit {
					t.Errorf("%s, %+v: the fault was not met", protocol, fault)
				}
			}
		}
		o := strikes(t, database, "INSERT", faultproxy.Fault{At: faultproxy.Midway, Code: 241})
		if err := conn.Exec(t.Context(), "INSERT INTO t SELECT n + 10000, s FROM t"); code(err) != 241 {
			t.Errorf("%s: want code 241: %v", protocol, err)
		}
		if hit, _ := o.seen(); !hit {
			t.Error("the fault was not met")
		}
		if n := count(t, conn, "SELECT count() FROM t"); n != 1000 {
			t.Errorf("%d rows, want 1000", n)
		}
	}
}

// TestFault_ServerRefuses: the server's exception comes instead of a fault that waits
// for the end or for data.
func TestFault_ServerRefuses(t *testing.T) {
	for protocol, p := range protocols {
		for _, at := range []faultproxy.Moment{faultproxy.Midway, faultproxy.After} {
			if protocol == "http" && at == faultproxy.Midway {
				continue // the data comes with the statement
			}
			database := newDatabase(t, "refuses_"+protocol+strconv.Itoa(int(at)))
			conn := open(t, options(proxy, p, database))
			o := strikes(t, database, "INSERT", faultproxy.Fault{At: at, Code: 241})
			err := conn.Exec(t.Context(), "INSERT INTO t (missing) VALUES")
			if code(err) != 16 {
				t.Errorf("%s: want code 16: %v", protocol, err)
			}
			if hit, _ := o.seen(); !hit {
				t.Error("the fault was not met")
			}
			if n := count(t, conn, "SELECT count() FROM t"); n != 0 {
				t.Errorf("%d rows", n)
			}
		}
	}
}

// TestFault_MidwayOfLargeData: the client reads the exception although it cannot
// write any more.
func TestFault_MidwayOfLargeData(t *testing.T) {
	for protocol, p := range protocols {
		for _, cut := range []bool{false, true} {
			if cut && protocol == "native" {
				continue // clickhouse-go reports the write, not the exception
			}
			database := newDatabase(t, "large_midway_"+protocol+strconv.FormatBool(cut))
			conn := open(t, options(proxy, p, database))
			strikes(t, database, "INSERT", faultproxy.Fault{At: faultproxy.Midway, Code: 497, Cut: cut})
			if err := insert(t.Context(), conn, 20_000, 1000); code(err) != 497 {
				t.Errorf("%s: want code 497: %v", protocol, err)
			}
			if n := count(t, conn, "SELECT count() FROM t"); n != 0 {
				t.Errorf("%d rows", n)
			}
		}
	}
}

// TestControl_Sees is what a control function gets, and that it gets no more once it
// has been removed.
func TestControl_Sees(t *testing.T) {
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			database := newDatabase(t, "sees_"+protocol)
			conn := open(t, options(proxy, p, database))
			o := &once{database: database}
			remove := proxy.Control(o.control)
			if err := insert(t.Context(), conn, 3, 1); err != nil {
				t.Fatal(err)
			}
			execute(t, conn, "INSERT INTO t (n) SELECT n FROM t WHERE n = 1")
			execute(t, conn, "INSERT INTO t (n) VALUES (17)")
			count(t, conn, "SELECT count() FROM t")
			remove()
			count(t, conn, "SELECT sum(n) FROM t")
			_, asked := o.seen()
			seen := map[string]int{}
			for _, s := range asked {
				if s.Protocol != protocol {
					t.Errorf("%+v came over %s", s, protocol)
				}
				if s.Table == "t" && s.Verb != "DESCRIBE" {
					seen[s.Verb]++
				}
				if strings.Contains(s.Text, "sum(n)") || strings.Contains(s.Text, "17") {
					t.Errorf("saw %s", s.Text)
				}
			}
			if len(seen) != 2 || seen["INSERT"] != 3 || seen["SELECT"] != 1 {
				t.Errorf("saw %v, want three of INSERT and one of SELECT", seen)
			}
		})
	}
}

// TestFault_Status is the answer over HTTP as it stands on the wire.
func TestFault_Status(t *testing.T) {
	database := newDatabase(t, "status")
	for _, test := range []struct {
		code, status int
		name         string
	}{
		{159, http.StatusRequestTimeout, "TIMEOUT_EXCEEDED"},
		{209, http.StatusServiceUnavailable, "SOCKET_TIMEOUT"},
		{252, http.StatusInternalServerError, "TOO_MANY_PARTS"},
		{497, http.StatusForbidden, "ACCESS_DENIED"},
		{60, http.StatusNotFound, "UNKNOWN_TABLE"},
	} {
		for _, at := range []faultproxy.Moment{faultproxy.Before, faultproxy.Midway, faultproxy.After} {
			for _, inBody := range []bool{false, true} {
				strikes(t, database, "INSERT", faultproxy.Fault{At: at, Code: test.code, Message: "as it was put in"})
				params, body := url.Values{"database": {database}, "user": {user}, "password": {password}}, "INSERT INTO t (n) FORMAT TSV\n1\n2\n"
				if !inBody {
					params.Set("query", "INSERT INTO t (n) FORMAT TSV")
					body = "1\n2\n"
				}
				response, err := http.Post("http://"+proxy.HTTPAddr()+"/?"+params.Encode(), "", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				answer, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				if response.StatusCode != test.status || response.Header.Get("X-ClickHouse-Exception-Code") != strconv.Itoa(test.code) ||
					!strings.Contains(string(answer), "DB::Exception: as it was put in ("+test.name+")") {
					t.Errorf("code %d: %s %v %s", test.code, response.Status, response.Header, answer)
				}
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
