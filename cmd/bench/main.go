// Command bench measures Pianola and compares it with other ways to bring the same messages
// from Kafka into ClickHouse: on one machine, in one run, in interleaved rounds.
//
// Exit status: 0 done; 1 a run failed, or was interrupted; 2 wrong usage; 3 the systems
// have not stored the same rows.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/pianola/pianola/internal/bench"
	"github.com/pianola/pianola/internal/bench/compare"
	"github.com/pianola/pianola/internal/safetext"
)

func main() {
	bench.ServeRole()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second signal ends the process at once.
	context.AfterFunc(ctx, stop)

	// Errors can contain texts from outside.
	stdout, stderr := safetext.Writer(os.Stdout), safetext.Writer(os.Stderr)
	root := command(stdout, stderr)
	root.SetArgs(os.Args[1:])
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
	case errors.Is(err, compare.ErrDiffer):
		fmt.Fprintf(stderr, "bench: %v\n", err)
		os.Exit(3)
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "bench: %v\nTry bench --help.\n", err)
		os.Exit(2)
	case ctx.Err() != nil:
		// The error says only that what was running was cancelled.
		fmt.Fprintln(stderr, "bench: interrupted before it was done")
		os.Exit(1)
	default:
		fmt.Fprintf(stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}
