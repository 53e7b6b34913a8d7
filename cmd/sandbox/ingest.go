package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// ingest tells the world and returns once the service has accounted for every
// message of it in the ledger, showing progress on the way.
func ingest(ctx context.Context, o options, s *sandbox.Services, w *world.World, i *instance, progress io.Writer) error {
	began := time.Now()
	var told atomic.Int64
	telling := make(chan error, 1)
	go func() { telling <- s.Tell(ctx, w, func(n int) { told.Store(int64(n)) }) }()

	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	first, done := false, false
	for {
		select {
		case err := <-telling:
			if err != nil {
				return err
			}
			done = true
		case <-ticker.C:
		case <-ctx.Done():
			if !done {
				return errors.Join(ctx.Err(), <-telling) // the publisher ends with the context
			}
			return ctx.Err()
		}
		at, err := sandbox.ReadAccount(ctx, i.analyst, topic)
		if err != nil {
			return err
		}
		if at.Stored > 0 && !first {
			first = true
			fmt.Fprintf(progress, "First rows are in ClickHouse after %s.\n", time.Since(began).Round(10*time.Millisecond))
		}
		fmt.Fprintf(progress, "  %5.1f s  published %8d  ingested %8d  stored %8d\n",
			time.Since(began).Seconds(), told.Load(), at.Messages, at.Stored)
		if done && at.Covers(s, topic, o.partitions) {
			return nil
		}
	}
}
