package pipeline

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

func TestLimiter_Reserve(t *testing.T) {
	t.Run("grants no more than there is room for", func(t *testing.T) {
		g := newLimiter(10, 100)
		rows, bytes, err := g.reserve(t.Context(), 8, 40)
		if rows != 8 || bytes != 40 || err != nil {
			t.Fatalf("first reservation: %d rows, %d bytes, %v", rows, bytes, err)
		}
		rows, bytes, err = g.reserve(t.Context(), 8, 40)
		if rows != 2 || bytes != 40 || err != nil {
			t.Fatalf("second reservation: %d rows, %d bytes, %v; want 2, 40", rows, bytes, err)
		}
	})

	t.Run("waits while shut and continues when the flusher has collected", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newLimiter(10, 100)
			rows, bytes, _ := g.reserve(t.Context(), 10, 10)
			g.adjust(rows, 10, bytes, 50)
			granted := make(chan int)
			go func() {
				rows, _, _ := g.reserve(t.Context(), 4, 4)
				granted <- rows
			}()
			synctest.Wait()
			select {
			case <-granted:
				t.Fatal("a shut gate granted room")
			case <-g.full:
			}
			g.release(10, 50)
			if rows := <-granted; rows != 4 {
				t.Fatalf("granted %d rows after the release, want 4", rows)
			}
		})
	})

	t.Run("ends with its context", func(t *testing.T) {
		g := newLimiter(1, 1)
		_, _, _ = g.reserve(t.Context(), 1, 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := g.reserve(ctx, 1, 1); err == nil {
			t.Fatal("no error although the context had ended and the gate was shut")
		}
	})
}

// TestLimiter_NeverOverfills lets lanes of random greed run against a flusher and
// checks the bound at every step.
func TestLimiter_NeverOverfills(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		maxRows := rapid.IntRange(1, 50).Draw(r, "maxRows")
		lanes := rapid.IntRange(1, 5).Draw(r, "lanes")
		each := rapid.IntRange(1, 200).Draw(r, "messages a lane")
		g := newLimiter(maxRows, 1<<20)

		var mu sync.Mutex
		held, taken := 0, 0
		var lanesDone sync.WaitGroup
		for range lanes {
			lanesDone.Go(func() {
				for left := each; left > 0; {
					rows, bytes, err := g.reserve(context.Background(), 7, 10)
					if err != nil {
						r.Error(err)
						return
					}
					used := min(rows, left)
					left -= used
					mu.Lock()
					held += used
					if held > maxRows {
						r.Errorf("%d rows held, limit %d", held, maxRows)
					}
					mu.Unlock()
					g.adjust(rows, used, bytes, used)
				}
			})
		}
		stop := make(chan struct{})
		var flusher sync.WaitGroup
		flusher.Go(func() {
			for {
				select {
				case <-g.full:
				case <-g.some:
				case <-stop:
					return
				}
				mu.Lock()
				n := held
				held, taken = 0, taken+n
				mu.Unlock()
				g.release(n, n)
			}
		})
		lanesDone.Wait()
		close(stop)
		flusher.Wait()
		if taken+held != lanes*each {
			r.Fatalf("%d messages went in, %d came out", lanes*each, taken+held)
		}
	})
}
