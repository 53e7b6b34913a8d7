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
)

// exportPoll is how often an export is asked about that takes long.
const exportPoll = 15 * time.Second

// export is a subscription log that Piano is to make.
type export struct {
	wanted   bool
	fromText string
	from     time.Time // the first day on which subscriptions started
	wait     time.Duration
}

func exportFlags(c *cobra.Command) *export {
	e := &export{}
	c.Flags().BoolVar(&e.wanted, "export", false, "compare with a subscription log that Piano makes now, in place of the API's list")
	c.Flags().StringVar(&e.fromText, "export-from", "2000-01-01", "the first `DAY` on which subscriptions of the export started, in UTC")
	c.Flags().DurationVar(&e.wait, "export-wait", time.Hour, "how long Piano may take to make it and hand it over")
	return e
}

// check reads what was given, and refuses what says nothing together.
func (e *export) check(c *cobra.Command, from file, now time.Time) (err error) {
	for _, name := range []string{"export-from", "export-wait"} {
		if c.Flags().Changed(name) && !e.wanted {
			return fmt.Errorf("--%s: is of an export; add --export", name)
		}
	}
	if e.wanted && from.name != "" {
		return errors.New("--export: makes a file, and --csv has one; give one of them")
	}
	if e.from, err = time.Parse(time.DateOnly, e.fromText); err != nil {
		return errors.New("--export-from: write it as 2024-01-31")
	}
	if e.from.After(now) {
		return errors.New("--export-from: lies in the future")
	}
	if e.wait <= 0 {
		return errors.New("--export-wait: is not above 0")
	}
	return nil
}

// fetch has the log made and gives its file, which is to be closed.
//
// A log is full of what is personal. Its file can be read by this user alone, and
// has no name any more from the first byte on, so that nothing is left behind,
// however this process ends.
func (e *export) fetch(ctx context.Context, settings config.Config, asOf time.Time, log *zap.Logger) (_ *os.File, size int64, err error) {
	client, err := piano.New(settings.PianoConfig(), nil, log, piano.Hooks{})
	if err != nil {
		return nil, 0, err
	}
	defer client.Close()
	file, err := os.CreateTemp("", "pianola-export-")
	if err != nil {
		return nil, 0, fmt.Errorf("make a file for the export: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, 0, fmt.Errorf("take the name of the file for the export: %w", err)
	}
	log.Info("piano is asked for an export, and it is waited for", zap.Duration("at_most", e.wait))
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
		if ctx.Err() == nil && bounded.Err() != nil {
			err = fmt.Errorf("%w: --export-wait was over", err)
		}
		return nil, 0, err
	}
	size, err = file.Seek(0, io.SeekEnd)
	return file, size, err
}
