package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/wait"
)

// exportPoll is the interval of status requests for an export.
const exportPoll = 15 * time.Second

// logExport is a subscription log that Piano produces on request.
type logExport struct {
	wanted   bool
	fromText string
	from     time.Time // earliest start date of subscriptions
	wait     time.Duration
}

func logExportFlags(c *cobra.Command) *logExport {
	e := &logExport{}
	c.Flags().BoolVar(&e.wanted, "export", false, "request a subscription log from Piano and compare with it")
	c.Flags().StringVar(&e.fromText, "export-from", "2000-01-01", "export subscriptions that started on or after this `DAY` (UTC)")
	c.Flags().DurationVar(&e.wait, "export-wait", time.Hour, "maximum time to produce and download the export")
	return e
}

// check parses the flags and rejects combinations without effect.
func (e *logExport) check(c *cobra.Command, from file, now time.Time) (err error) {
	for _, name := range []string{"export-from", "export-wait"} {
		if c.Flags().Changed(name) && !e.wanted {
			return fmt.Errorf("--%s: needs --export", name)
		}
	}
	if e.wanted && from.name != "" {
		return errors.New("--export: conflicts with --csv; use one of them")
	}
	if e.from, err = parseDay("--export-from", e.fromText); err != nil {
		return err
	}
	if e.from.After(now) {
		return errors.New("--export-from: is in the future")
	}
	if e.wait <= 0 {
		return errors.New("--export-wait: must be above 0")
	}
	return nil
}

// fetch requests the log and returns its file, which the caller closes.
//
// The log contains personal data. Only this user can read the file. It loses its name
// before the first byte is written, so that no end of the process leaves it behind.
func (e *logExport) fetch(ctx context.Context, settings config.Config, asOf time.Time, log *zap.Logger) (_ *os.File, size int64, err error) {
	client, err := piano.New(settings.PianoConfig(), nil, log, piano.Hooks{})
	if err != nil {
		return nil, 0, err
	}
	defer client.Close()
	file, err := os.CreateTemp("", "pianola-export-")
	if err != nil {
		return nil, 0, fmt.Errorf("create a file for the export: %w: set TMPDIR to a directory that this user can write, with space for the whole log", err)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, 0, fmt.Errorf("unlink the file for the export: %w", err)
	}
	log.Info("export requested, waiting for Piano", zap.Duration("timeout", e.wait))
	bounded, cancel := context.WithTimeout(ctx, e.wait)
	defer cancel()
	begin := func() (io.Writer, error) {
		if err := file.Truncate(0); err != nil {
			return nil, err
		}
		_, err := file.Seek(0, io.SeekStart)
		return file, err
	}
	if err := client.Export(bounded, e.from, asOf, exportPoll, begin); err != nil {
		if ctx.Err() == nil && wait.Expired(bounded) {
			err = fmt.Errorf("%w: the export took longer than --export-wait", err)
		}
		return nil, 0, err
	}
	size, err = file.Seek(0, io.SeekEnd)
	return file, size, err
}
