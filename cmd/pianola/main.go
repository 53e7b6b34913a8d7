// Command pianola is the service and its tools. Each command has its own file.
//
// Results go to standard output, logs and progress to standard error. Exit status:
// 0 done; 1 failed; 2 wrong usage; 3 the check found something; 78 bad configuration
// (contract §5).
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
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/safetext"
	"github.com/pianola/pianola/transform"
)

// The exit statuses.
const (
	exitDone          = 0
	exitFailed        = 1
	exitUsage         = 2
	exitFound         = 3
	exitConfiguration = 78 // EX_CONFIG of sysexits.h
)

// errFound is wrapped by a check that succeeded and has findings.
var errFound = errors.New("the check found something")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal starts a graceful shutdown and restores the default handling,
	// so that the second signal ends the process immediately.
	context.AfterFunc(ctx, stop)
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environment: os.Environ(), now: time.Now, limitMemory: limitMemory}
	os.Exit(a.run(ctx, os.Args[1:]))
}

// errorOutput replaces e-mail addresses in the errors of commands by their hashes.
type errorOutput struct{ io.Writer }

// Write writes a whole error.
func (o errorOutput) Write(text []byte) (int, error) {
	if _, err := io.WriteString(o.Writer, transform.Guard(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// run runs a command and returns the exit status.
func (a *app) run(ctx context.Context, args []string) int {
	a.progress = a.newProgressLine()
	err := a.execute(ctx, args)
	stderr := errorOutput{safetext.Writer(a.stderr)} // errors can contain texts from outside
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
		return exitFailed // the reader of the output closed it and needs no message
	case errors.As(err, new(*job.StoppedError)): // it says how to continue
		fmt.Fprintf(stderr, "pianola: %v\n", err)
		return exitFailed
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		var answered *piano.Error
		if errors.As(err, &answered) && answered.Status != 0 { // the reason for the wait
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
