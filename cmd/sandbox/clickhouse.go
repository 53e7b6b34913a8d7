package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

// clickhouseOptions are the command line of `sandbox clickhouse`.
type clickhouseOptions struct {
	native, http, dataDir, password string
}

const aboutClickHouse = `Sandbox clickhouse runs only the sandbox's ClickHouse server. It prints one line with
its addresses when it answers, and serves until Ctrl-C or SIGTERM. Acknowledged data is
on disk: with --data it is there at the next start, also after kill -9.

  sandbox clickhouse --data ./clickhouse
  sandbox clickhouse --native 127.0.0.1:0 --http 127.0.0.1:0

User pianola may do everything. User default has no password and may only read.

Flags:
`

func parseClickHouse(args []string, errors io.Writer) (clickhouseOptions, error) {
	o := clickhouseOptions{}
	flags := pflag.NewFlagSet("sandbox clickhouse", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(errors)
	flags.StringVar(&o.native, "native", "127.0.0.1:9000", "`ADDR` of the native protocol; port 0 takes a free port")
	flags.StringVar(&o.http, "http", "127.0.0.1:8123", "`ADDR` of HTTP")
	flags.StringVar(&o.dataDir, "data", "", "`DIR` to keep the data in and to use again (default: a temporary directory)")
	flags.StringVar(&o.password, "password", "", "`TEXT`, the password of user pianola (default: a random one)")
	flags.Usage = func() { fmt.Fprint(errors, aboutClickHouse+flags.FlagUsages()) }
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, nil
}

// serveClickHouse serves until ctx ends, which is a success. It writes the line with
// the addresses when the server answers.
func serveClickHouse(ctx context.Context, o clickhouseOptions, out, progress io.Writer) (err error) {
	kept := o.dataDir
	if o.dataDir == "" {
		if o.dataDir, err = os.MkdirTemp("", "pianola-clickhouse-"); err != nil {
			return fmt.Errorf("make a data directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dataDir)) }()
		kept = "a temporary directory"
	}
	if o.password == "" {
		o.password = rand.Text()
	}
	server, err := clickhouse.Start(ctx, clickhouse.Config{
		DataDir: o.dataDir, NativeAddr: o.native, HTTPAddr: o.http,
		Access:   clickhouse.Access{Users: []clickhouse.User{clickhouse.Owner(sandbox.User, o.password)}},
		Settings: clickhouse.Settings{Logs: true},
		Progress: func(sentence string) { fmt.Fprintln(progress, sentence+" …") },
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: choose another with --native or --http, or port 0 for a free one", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "ClickHouse listens on %s (native) and http://%s, user %s, password %s, data in %s. Ctrl-C ends it.\n",
		server.NativeAddr(), server.HTTPAddr(), sandbox.User, o.password, kept)
	select {
	case <-ctx.Done():
		return server.Close()
	case <-server.Ended():
		return errors.Join(fmt.Errorf("the ClickHouse server ended by itself: %s", server.LastLines()), server.Close())
	}
}
