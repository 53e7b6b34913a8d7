// Command sandbox is Pianola's whole demonstration on one machine: an embedded
// Kafka, an embedded ClickHouse, a simulated publisher whose subscribers live a
// year, with its Piano API, and the same service as `pianola run` between them. At
// the end it holds the views against the known truth of the simulated world, and
// what reconciliation finds against the drift that was planted. `sandbox clickhouse`
// is its ClickHouse alone.
//
// Exit status: 0 done; 1 failed or interrupted before the verdict; 2 wrong usage;
// 3 the views do not equal the truth, or reconciliation has found something else
// than the drift that was planted.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

var (
	// errUnequal is a finding of the sandbox: stored data and truth differ.
	errUnequal = errors.New("the views do not equal the truth of the simulated world")

	// errInterrupted ends a demonstration that has not come to its verdict: who
	// waits for --exit must not take that for a success.
	errInterrupted = errors.New("interrupted before it was done")
)

func main() {
	clickhouse.ServeIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second signal ends the process at once.
	context.AfterFunc(ctx, stop)

	do, err := command(os.Args[1:])
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "sandbox: %v\nTry sandbox --help.\n", err)
		os.Exit(2)
	}
	switch err := do(ctx); {
	case errors.Is(err, errUnequal), errors.Is(err, errMisjudged):
		fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
		os.Exit(3)
	case err != nil && ctx.Err() != nil:
		// Whatever was under way says in its own words that it was called off.
		fmt.Fprintf(os.Stderr, "sandbox: %v\n", errInterrupted)
		os.Exit(1)
	case err != nil:
		fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
		os.Exit(1)
	}
}

// command is what the arguments ask for, or why they cannot be understood.
func command(args []string) (func(context.Context) error, error) {
	if len(args) > 0 && args[0] == "clickhouse" {
		o, err := parseClickHouse(args[1:], os.Stderr)
		return func(ctx context.Context) error { return serveClickHouse(ctx, o, os.Stdout, os.Stderr) }, err
	}
	o, err := parse(args, os.Stderr)
	return func(ctx context.Context) error { return demonstrate(ctx, o, os.Stdout, os.Stderr) }, err
}
