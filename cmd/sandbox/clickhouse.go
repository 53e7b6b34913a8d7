package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

// clickhouseOptions are the command line of `sandbox clickhouse`.
type clickhouseOptions struct {
	native, http, dataDir string
}

const aboutClickHouse = `Sandbox clickhouse is the embedded ClickHouse alone: the real engine behind its native
and HTTP protocols, in a process of its own. It says in one line where it listens and
serves until Ctrl-C or SIGTERM. What has been acknowledged is on disk: with --data it is
there again next time, after a kill -9 too.

  sandbox clickhouse --data ./clickhouse
  sandbox clickhouse --native 127.0.0.1:0 --http 127.0.0.1:0

Flags:
`

func parseClickHouse(args []string, errors io.Writer) (clickhouseOptions, error) {
	o := clickhouseOptions{}
	flags := pflag.NewFlagSet("sandbox clickhouse", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(errors)
	flags.StringVar(&o.native, "native", "127.0.0.1:9000", "`ADDR` of the native protocol; port 0 takes a free one")
	flags.StringVar(&o.http, "http", "127.0.0.1:8123", "`ADDR` of HTTP")
	flags.StringVar(&o.dataDir, "data", "", "`DIR` to keep the data in and to go on with next time (default: a temporary one)")
	flags.Usage = func() { fmt.Fprint(errors, aboutClickHouse+flags.FlagUsages()) }
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, nil
}

// serveClickHouse serves until ctx ends, which is a success. The line of where it
// listens is written once clients are answered.
func serveClickHouse(ctx context.Context, o clickhouseOptions, out, progress io.Writer) (err error) {
	kept := o.dataDir
	if o.dataDir == "" {
		if o.dataDir, err = os.MkdirTemp("", "pianola-clickhouse-"); err != nil {
			return fmt.Errorf("make a data directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dataDir)) }()
		kept = "a temporary directory"
	}
	server, err := clickhouse.Start(ctx, clickhouse.Config{
		DataDir: o.dataDir, NativeAddr: o.native, HTTPAddr: o.http,
		Progress: func(sentence string) { fmt.Fprintln(progress, sentence+" …") },
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: choose another with --native or --http, or port 0 for a free one", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "ClickHouse listens on %s (native) and http://%s, with its data in %s. Ctrl-C ends it.\n",
		server.NativeAddr(), server.HTTPAddr(), kept)
	<-ctx.Done()
	return server.Close()
}
