// Command pianola is the service and its tools; one file a command.
//
// Standard output is for results, standard error for logs and progress. Exit
// status: 0 done; 1 failed; 2 wrong usage; 3 the check found something; 78 bad
// configuration (contract §5).
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

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/piano"
)

// The exit statuses.
const (
	exitDone          = 0
	exitFailed        = 1
	exitUsage         = 2
	exitFound         = 3
	exitConfiguration = 78 // EX_CONFIG of sysexits.h
)

// errFound is wrapped by a check that worked and found something.
var errFound = errors.New("the check found something")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the work in order. After it signals have their usual
	// effect again, so that the second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// run is the whole program but for the process around it. environment is
// NAME=value, as os.Environ gives it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environment []string) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, environment: environment, now: time.Now}
	err := a.execute(ctx, args)
	var mistakes *config.Error
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &mistakes):
		fmt.Fprintln(stderr, mistakes)
		return exitConfiguration
	case errors.Is(err, errFound):
		fmt.Fprintf(stderr, "pianola: %v\n", err)
		return exitFound
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "pianola: %v\n", err)
		return exitUsage
	case errors.As(err, new(outputError)) && errors.Is(err, syscall.EPIPE):
		return exitFailed // whoever read our output has gone; there is nothing to tell
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		var answered *piano.Error
		if errors.As(err, &answered) && answered.Status != 0 { // and that is what it was waiting for
			fmt.Fprintf(stderr, "pianola: interrupted: %v\n", err)
			return exitFailed
		}
		fmt.Fprintln(stderr, "pianola: interrupted")
		return exitFailed
	default:
		fmt.Fprintf(stderr, "pianola: %v\n", err)
		return exitFailed
	}
}
