// Command sandbox demonstrates Pianola on one machine. It runs Kafka, ClickHouse, a
// simulated publisher with its Piano API, and the same service and console as
// `pianola run` and `pianola console`.
// At the end it compares the views with the expected data (the truth of the
// simulated world), and the found drift with the planted drift.
// `sandbox clickhouse` runs only its ClickHouse.
//
// The main path is demonstrate (sandbox.go): it starts the servers, builds the
// world, runs the service, waits for ingest, and prints the report.
//
// Exit status: 0 done; 1 failed, or interrupted before the result; 2 wrong usage;
// 3 the views differ from the truth, or the found drift differs from the planted
// drift.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/safetext"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

var (
	// errUnequal reports that the stored data and the truth differ.
	errUnequal = errors.New("the views do not hold the expected data")

	// errInterrupted reports an interrupt before the result. A script that waits
	// for --exit must not see success then.
	errInterrupted = errors.New("interrupted before the result")
)

func main() {
	clickhouse.ServeIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second signal terminates the process immediately.
	context.AfterFunc(ctx, stop)

	// Errors and results can contain texts from outside.
	stdout, stderr := safetext.Writer(os.Stdout), safetext.Writer(os.Stderr)
	do, err := command(os.Args[1:], stdout, stderr)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintf(stderr, "sandbox: %v\nTry sandbox --help.\n", err)
		os.Exit(2)
	}
	switch err := do(ctx); {
	case errors.Is(err, errUnequal), errors.Is(err, errMisjudged):
		fmt.Fprintf(stderr, "sandbox: %v\n", err)
		os.Exit(3)
	case err != nil && ctx.Err() != nil:
		// The error of the cancelled operation adds nothing.
		fmt.Fprintf(stderr, "sandbox: %v\n", errInterrupted)
		os.Exit(1)
	case err != nil:
		fmt.Fprintf(stderr, "sandbox: %v\n", err)
		os.Exit(1)
	}
}

// command returns the function that the arguments select.
func command(args []string, stdout, stderr io.Writer) (func(context.Context) error, error) {
	if len(args) > 0 && args[0] == "clickhouse" {
		o, err := parseClickHouse(args[1:], stderr)
		return func(ctx context.Context) error { return serveClickHouse(ctx, o, stdout, stderr) }, err
	}
	o, err := parse(args, time.Now(), stderr)
	return func(ctx context.Context) error { return demonstrate(ctx, o, stdout, stderr) }, err
}
