package faultproxy_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	chgo "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

var kinds = map[string]faultproxy.Fault{
	"exception":         {Code: 241, Message: "chosen message", Delay: 20 * time.Millisecond},
	"exception and cut": {Code: 241, Message: "chosen message", Cut: true},
	"cut":               {Cut: true}, "hang": {Hang: true}, "late": {Delay: 20 * time.Millisecond},
}

// strike injects a fault into the next statement with a verb on table t.
func strike(p *faultproxy.Proxy, database, verb string, fault faultproxy.Fault) (struck *atomic.Bool) {
	struck = new(atomic.Bool)
	p.Control(func(s faultproxy.Statement) (faultproxy.Fault, bool) {
		return fault, s.Database == database && s.Verb == verb && s.Table == "t" && struck.CompareAndSwap(false, true)
	})
	return struck
}

// injected reports whether an error of either client is the injected exception.
func injected(err error) bool {
	return err != nil && strings.Contains(err.Error(), "241") && strings.Contains(err.Error(), "chosen message")
}

// TestFault_Outcomes shows what a client gets and what is stored, for each kind of fault
// at each moment.
func TestFault_Outcomes(t *testing.T) {
	tier.Full(t, "injects every fault with every client")
	for client, test := range map[string]struct {
		protocol    chgo.Protocol
		compression chgo.CompressionMethod
		direct      bool // insert with ch-go
	}{
		"native": {}, "native with LZ4": {compression: chgo.CompressionLZ4}, "http": {protocol: chgo.HTTP},
		"ch-go": {direct: true}, "ch-go with LZ4": {direct: true, compression: chgo.CompressionLZ4},
	} {
		p, database := startWithTable(t)
		conn := open(t, p, test.protocol, database, test.compression)
		insert := func(ctx context.Context) error { return insert(ctx, conn, 1, "text") }
		if test.direct {
			compression := map[chgo.CompressionMethod]ch.Compression{chgo.CompressionLZ4: ch.CompressionLZ4}[test.compression]
			insert = func(ctx context.Context) error { return insertDirect(ctx, p.NativeAddr(), database, compression) }
		}
		run := func(t *testing.T, verb string, fault faultproxy.Fault, run func(context.Context) error) {
			t.Helper()
			ctx, cancel := t.Context(), func() {}
			if fault.Hang {
				ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
			}
			defer cancel()
			struck, begun := strike(p, database, verb, fault), time.Now()
			err := run(ctx)
			late := fault == faultproxy.Fault{At: fault.At, Delay: fault.Delay}
			if took := time.Since(begun); !struck.Load() || took < fault.Delay || fault.Hang && took < 150*time.Millisecond || injected(err) != (fault.Code != 0) || (err == nil) != late {
				t.Errorf("%s: struck: %v, took %v: %v", verb, struck.Load(), took, err)
			}
		}
		stored := uint64(0)
		for i, moment := range []string{"before", "midway", "after"} {
			for kind, fault := range kinds {
				fault.At = faultproxy.Moment(i)
				t.Run(client+"/"+kind+" "+moment, func(t *testing.T) {
					wantRows(t, conn, stored) // the pool has a connection now
					run(t, "INSERT", fault, insert)
					if fault.At == faultproxy.After || kind == "late" {
						stored += 3
					}
					wantRows(t, conn, stored)
					if err := insert(t.Context()); err != nil {
						t.Errorf("insert after the fault: %v", err)
					}
					stored += 3
					run(t, "SELECT", fault, func(ctx context.Context) error {
						return conn.Exec(ctx, "SELECT n, s, [n], toNullable(n), toDateTime64(n, 3), toLowCardinality(s) FROM t")
					})
					wantRows(t, conn, stored)
				})
			}
		}
	}
}

// insertDirect inserts three rows with ch-go.
func insertDirect(ctx context.Context, addr, database string, compression ch.Compression) error {
	client, err := ch.Dial(ctx, ch.Options{Address: addr, Database: database, User: engine.User, Password: engine.Password, Compression: compression})
	if err != nil {
		return err
	}
	defer client.Close()
	// ch-go does not stop reading when its context ends.
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	input := proto.Input{{Name: "n", Data: proto.ColUInt64{1, 2, 3}}}
	return client.Do(ctx, ch.Query{Body: input.Into("t"), Input: input})
}

// TestFault_OtherStatements shows that the server's exception replaces a fault that would
// come later, and that an INSERT of a query has no data.
func TestFault_OtherStatements(t *testing.T) {
	const rejected, inserted = "INSERT INTO t (missing) VALUES", "INSERT INTO t SELECT 1, 'text'"
	for _, test := range []struct {
		protocol, statement string
		at                  faultproxy.Moment
		injected            bool
	}{
		{"native", rejected, faultproxy.Midway, false}, {"native", rejected, faultproxy.After, false}, {"http", rejected, faultproxy.After, false},
		{"native", inserted, faultproxy.Midway, true}, {"http", inserted, faultproxy.Midway, true},
	} {
		p, database := startWithTable(t)
		conn := open(t, p, protocols[test.protocol], database, chgo.CompressionLZ4)
		struck := strike(p, database, "INSERT", faultproxy.Fault{At: test.at, Code: 241, Message: "chosen message"})
		if err := conn.Exec(t.Context(), test.statement); err == nil || injected(err) != test.injected || !struck.Load() {
			t.Errorf("%+v: %v", test, err)
		}
		wantRows(t, conn, 0)
	}
}
