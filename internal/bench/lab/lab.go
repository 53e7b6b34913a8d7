// Package lab is where systems are measured: one broker and one ClickHouse server, each a
// process of its own, so that CPU time and memory belong to one of them.
//
// [Open] starts the servers. [Broker.Publish] fills a topic, which all systems read. Each
// run of a system has a database of its own ([Lab.CreateDatabase]), of which
// [Database.Contents] reads what was stored, with a checksum.
package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

// Lab is the running servers.
type Lab struct {
	Kind       Kafka
	Broker     *Broker
	ClickHouse *clickhouse.Server
	Password   string // of User
	Dir        string // removed by Close

	conn    driver.Conn
	names   atomic.Int32
	closers []func() error
}

// User is the user at ClickHouse who may do everything.
const User = "pianola"

// Open starts the servers. The caller closes the lab. progress gets sentences.
func Open(ctx context.Context, kind Kafka, progress func(string)) (*Lab, error) {
	dir, err := os.MkdirTemp("", "pianola-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	l := &Lab{Kind: kind, Dir: dir, Password: rand.Text()}
	if err := l.open(ctx, progress); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Lab) open(ctx context.Context, progress func(string)) (err error) {
	l.ClickHouse, err = clickhouse.Start(ctx, clickhouse.Config{
		DataDir: filepath.Join(l.Dir, "clickhouse"), NativeAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0",
		Access:   clickhouse.Access{Users: []clickhouse.User{clickhouse.Owner(User, l.Password)}},
		Progress: progress,
	})
	if err != nil {
		return err
	}
	l.closers = append(l.closers, l.ClickHouse.Close)
	if l.Broker, err = startBroker(ctx, l.Kind, l.Dir); err != nil {
		return err
	}
	l.closers = append(l.closers, l.Broker.close)
	l.conn, err = l.Connect("default")
	if err == nil {
		l.closers = append(l.closers, l.conn.Close)
	}
	return err
}

// Connect is a connection over the native protocol.
func (l *Lab) Connect(database string) (driver.Conn, error) {
	conn, err := ch.Open(&ch.Options{
		Addr: []string{l.ClickHouse.NativeAddr()},
		Auth: ch.Auth{Database: database, Username: User, Password: l.Password},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to ClickHouse: %w", err)
	}
	return conn, nil
}

// Name is a name for a topic, a group or a database that is not used yet.
func (l *Lab) Name(prefix string) string { return fmt.Sprintf("%s_%d", prefix, l.names.Add(1)) }

// Close ends the servers and removes their data.
func (l *Lab) Close() error {
	var errs []error
	for _, f := range slices.Backward(l.closers) {
		errs = append(errs, f())
	}
	return errors.Join(append(errs, os.RemoveAll(l.Dir))...)
}
