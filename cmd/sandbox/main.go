// Command sandbox is Pianola's whole demonstration on one machine: an embedded
// Kafka, an embedded ClickHouse, a simulated publisher whose subscribers live a
// year, and the same service as `pianola run` between them. At the end it holds
// the views against the known truth of the simulated world.
//
// Exit status: 0 done, 1 failed, 2 wrong usage, 3 the views do not equal the
// truth.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
)

// errUnequal is the one finding of the sandbox: stored data and truth differ.
var errUnequal = errors.New("the views do not equal the truth of the simulated world")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second signal ends the process at once.
	context.AfterFunc(ctx, stop)

	o, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "sandbox: %v\nTry sandbox --help.\n", err)
		os.Exit(2)
	}
	switch err := demonstrate(ctx, o, os.Stdout, os.Stderr); {
	case errors.Is(err, errUnequal):
		fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
		os.Exit(3)
	case err != nil:
		fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
		os.Exit(1)
	}
}
