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

// ingest publishes the world's messages and prints progress. It returns when the
// ledger of the service covers every message.
func ingest(ctx context.Context, o options, s *sandbox.Services, w *world.World, i *instance, progress io.Writer) error {
	began := time.Now()
	var published atomic.Int64
	publishing := make(chan error, 1)
	go func() { publishing <- s.Publish(ctx, w, func(n int) { published.Store(int64(n)) }) }()

	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	first, done := false, false
	for {
		select {
		case err := <-publishing:
			if err != nil {
				return err
			}
			done = true
		case <-ticker.C:
		case <-ctx.Done():
			if !done {
				return errors.Join(ctx.Err(), <-publishing) // the publisher ends with the context
			}
			return ctx.Err()
		}
		at, err := sandbox.ReadAccount(ctx, i.analyst, topic)
		if err != nil {
			return err
		}
		if at.Stored > 0 && !first {
			first = true
			fmt.Fprintf(progress, "First rows stored in ClickHouse after %s.\n", time.Since(began).Round(10*time.Millisecond))
		}
		fmt.Fprintf(progress, "  %5.1f s  published %8d  ingested %8d  stored %8d\n",
			time.Since(began).Seconds(), published.Load(), at.Messages, at.Stored)
		if done && at.Covers(s, topic, o.partitions) {
			return nil
		}
	}
}
