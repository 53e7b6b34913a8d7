package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/safetext"
	"github.com/pianola/pianola/transform"
)

func (a *app) transformCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "transform [FILE]",
		Short: "transform lines of JSON, without Kafka or ClickHouse",
		Long: `Reads one message per line from FILE or standard input and prints one line of
JSON for each: the event that would be stored, or the reason why not. Standard
error gets a count of the outcomes. Dead letters are a result, not an error.`,
		Example: `  pianola transform events.ndjson > outcomes.ndjson
  tail -f events.ndjson | pianola transform | jq 'select(.outcome == "dead_letter")'
  pianola transform --now 2026-01-01T00:00:00Z --transform.source_timezone Europe/Oslo events.ndjson`,
		Args: cobra.MaximumNArgs(1),
	}
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault // a file
	}
	fixed := c.Flags().String("now", "", "use this RFC 3339 `TIME` as the current time")
	config.AddFlags(c.Flags(), "transform")
	c.RunE = func(c *cobra.Command, args []string) error {
		now := a.now
		if *fixed != "" {
			at, err := time.Parse(time.RFC3339Nano, *fixed)
			if err != nil {
				return usageError{errors.New("--now: not a time; use the form 2026-01-31T12:00:00Z")}
			}
			now = func() time.Time { return at }
		}
		settings, err := a.load(c).Check("transform")
		if err != nil {
			return err
		}
		rules, err := transform.New(settings.TransformConfig())
		if err != nil {
			return err
		}
		input := a.stdin
		if len(args) == 1 && args[0] != "-" {
			file, err := openInterruptible(c.Context(), args[0])
			if err != nil {
				return fmt.Errorf("open input: %w", safetext.NameError(err))
			}
			defer file.Close()
			input = file
		}
		counts := newTally()
		err = transformLines(c.Context(), rules, int(settings.Transform.MaxMessageBytes), now, input, a.stdout, counts)
		if err == nil || len(counts.outcomes) > 0 {
			fmt.Fprint(a.stderr, counts)
		}
		return err
	}
	return c
}

// transformLines reads a line and writes a line, in order.
func transformLines(ctx context.Context, rules *transform.Rules, limit int, now func() time.Time, in io.Reader, out io.Writer, counts *tally) error {
	w := bufio.NewWriterSize(out, 256<<10)
	// Results are flushed before the next read, so that the command works in a slow
	// pipe.
	lines := transform.NewLines(&flushFirst{&interruptible{ctx: ctx, from: in}, w}, limit)
	worker := rules.NewWorker()
	var encoded []byte
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		result := worker.Apply(line, now())
		counts.add(result)
		encoded = result.AppendJSON(encoded[:0])
		if _, err := w.Write(append(safetext.Append(w.AvailableBuffer(), encoded), '\n')); err != nil {
			return outputError{err}
		}
	}
	if err := w.Flush(); err != nil {
		return outputError{err}
	}
	return nil
}

// flushFirst flushes the writer before each read.
type flushFirst struct {
	from io.Reader
	w    *bufio.Writer
}

// Read returns the error of a failed flush. Otherwise the command would wait for
// input although its output is closed.
func (f *flushFirst) Read(p []byte) (int, error) {
	if err := f.w.Flush(); err != nil {
		return 0, outputError{err}
	}
	return f.from.Read(p)
}
