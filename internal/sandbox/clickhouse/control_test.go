package clickhouse_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

// once puts a fault into the first statement of a verb on a table of a database,
// and keeps what it has been asked about there.
type once struct {
	database, verb, table string
	fault                 clickhouse.Fault

	mu    sync.Mutex
	hit   bool
	asked []clickhouse.Statement
}

func (o *once) control(s clickhouse.Statement) (clickhouse.Fault, bool) {
	if s.Database != o.database {
		return clickhouse.Fault{}, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, s)
	if o.hit || s.Verb != o.verb || s.Table != o.table {
		return clickhouse.Fault{}, false
	}
	o.hit = true
	return o.fault, true
}

func (o *once) seen() (hit bool, asked []clickhouse.Statement) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.hit, slices.Clone(o.asked)
}

// TestServer_Control puts every kind of fault before clickhouse-go, over both
// protocols, and looks at what the client is told and what is in the table.
func TestServer_Control(t *testing.T) {
	const exceeded = 159
	for _, test := range []struct {
		name  string
		fault clickhouse.Fault
		code  int32  // that the client sees; 0 is none
		fails bool   // without a code
		rows  uint64 // stored
	}{
		{name: "refused before", fault: clickhouse.Fault{Code: exceeded}, code: exceeded},
		{name: "refused midway", fault: clickhouse.Fault{At: clickhouse.Midway, Code: 241}, code: 241},
		{name: "refused after", fault: clickhouse.Fault{At: clickhouse.After, Code: 319}, code: 319, rows: 3},
		{name: "refused before, and cut", fault: clickhouse.Fault{Code: 236, Cut: true}, code: 236},
		{name: "refused after, and cut", fault: clickhouse.Fault{At: clickhouse.After, Code: 236, Cut: true}, code: 236, rows: 3},
		{name: "cut before", fault: clickhouse.Fault{Cut: true}, fails: true},
		{name: "cut midway", fault: clickhouse.Fault{At: clickhouse.Midway, Cut: true}, fails: true},
		{name: "cut after", fault: clickhouse.Fault{At: clickhouse.After, Cut: true}, fails: true, rows: 3},
		{name: "late", fault: clickhouse.Fault{Delay: 20 * time.Millisecond}, rows: 3},
		{name: "late in the middle", fault: clickhouse.Fault{At: clickhouse.Midway, Delay: 20 * time.Millisecond}, rows: 3},
		{name: "answered late", fault: clickhouse.Fault{At: clickhouse.After, Delay: 20 * time.Millisecond}, rows: 3},
	} {
		for protocol, p := range protocols {
			t.Run(test.name+" over "+protocol, func(t *testing.T) {
				conn, o := controlled(t, "control_"+protocol, p, test.fault)
				begun := time.Now()
				err := insertThree(t.Context(), conn)
				if took := time.Since(begun); took < test.fault.Delay {
					t.Errorf("answered after %v, want at least %v", took, test.fault.Delay)
				}
				var told *chgo.Exception
				switch answered := errors.As(err, &told); {
				case test.code != 0 && (!answered || told.Code != test.code):
					t.Errorf("want code %d: %v", test.code, err)
				case test.fails && (err == nil || answered):
					t.Errorf("want a broken connection: %v", err)
				case test.code == 0 && !test.fails && err != nil:
					t.Error(err)
				}
				if hit, _ := o.seen(); !hit {
					t.Error("the fault was never met")
				}
				// The same connection, or another one, goes on as if nothing had been.
				if n := count(t, conn, "SELECT count() FROM t"); n != test.rows {
					t.Errorf("%d rows, want %d", n, test.rows)
				}
				if err := insertThree(t.Context(), conn); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// controlled makes a database with one table, over which a fault waits for the
// first INSERT.
func controlled(t *testing.T, database string, p chgo.Protocol, fault clickhouse.Fault) (driver.Conn, *once) {
	t.Helper()
	newDatabase(t, database)
	conn := open(t, options(p, database))
	execute(t, conn, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
	o := &once{database: database, verb: "INSERT", table: "t", fault: fault}
	t.Cleanup(server.Control(o.control))
	return conn, o
}

func insertThree(ctx context.Context, conn driver.Conn) error {
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO t (n)")
	if err != nil {
		return err
	}
	for n := range uint64(3) {
		if err := batch.Append(n); err != nil {
			return err
		}
	}
	return batch.Send()
}

// TestServer_ControlHangs leaves a client without an answer to what has been done.
func TestServer_ControlHangs(t *testing.T) {
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			conn, _ := controlled(t, "control_hangs_"+protocol, p, clickhouse.Fault{At: clickhouse.After, Hang: true})
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if err := insertThree(ctx, conn); !errors.Is(err, context.DeadlineExceeded) && !errors.As(err, new(interface{ Timeout() bool })) {
				t.Errorf("want a timeout: %v", err)
			}
			if n := count(t, conn, "SELECT count() FROM t"); n != 3 {
				t.Errorf("%d rows, want 3", n)
			}
		})
	}
}

// TestServer_ControlSees is what a control function is told, and that it is asked
// no more once it has been removed.
func TestServer_ControlSees(t *testing.T) {
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			database := newDatabase(t, "control_sees_"+protocol)
			conn := open(t, options(p, database))
			execute(t, conn, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
			o := &once{database: database}
			remove := server.Control(o.control)
			if err := insertThree(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			execute(t, conn, "INSERT INTO t (n) SELECT n FROM t WHERE n = 1")
			count(t, conn, "SELECT count() FROM t")
			remove()
			count(t, conn, "SELECT sum(n) FROM t")
			seen := map[string]int{}
			_, asked := o.seen()
			for _, s := range asked {
				if s.Protocol != protocol {
					t.Errorf("%+v came over %s", s, protocol)
				}
				if s.Table == "t" && s.Verb != "DESCRIBE" {
					seen[s.Verb]++
				}
				if strings.Contains(s.Text, "sum(n)") {
					t.Error("asked after it was removed")
				}
			}
			if len(seen) != 2 || seen["INSERT"] != 2 || seen["SELECT"] != 1 {
				t.Errorf("saw %v, want two of INSERT and one of SELECT", seen)
			}
		})
	}
}

// TestServer_ControlStatus is the answer as it stands on the wire.
func TestServer_ControlStatus(t *testing.T) {
	for _, test := range []struct {
		code, status int
		name         string
	}{
		{159, http.StatusRequestTimeout, "TIMEOUT_EXCEEDED"},
		{209, http.StatusServiceUnavailable, "SOCKET_TIMEOUT"},
		{252, http.StatusInternalServerError, "TOO_MANY_PARTS"},
		{497, http.StatusForbidden, "ACCESS_DENIED"},
	} {
		for _, at := range []clickhouse.Moment{clickhouse.Before, clickhouse.After} {
			wantStatus(t, test.code, test.status, test.name, at)
		}
	}
}

func wantStatus(t *testing.T, code, status int, name string, at clickhouse.Moment) {
	t.Helper()
	_, o := controlled(t, "control_status_"+strings.ToLower(name)+[]string{"_before", "_midway", "_after"}[at], chgo.HTTP,
		clickhouse.Fault{At: at, Code: code, Message: "as it was put in"})
	response, err := http.Post("http://"+server.HTTPAddr()+"/?database="+o.database+"&query=INSERT+INTO+t+FORMAT+TSV", "", strings.NewReader("1\n2\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status || response.Header.Get("X-ClickHouse-Exception-Code") != strconv.Itoa(code) ||
		!strings.Contains(string(body), "DB::Exception: as it was put in ("+name+")") {
		t.Errorf("code %d: %s %v %s", code, response.Status, response.Header, body)
	}
}
