package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// TestGate_Answers has a gate that answers the first attempts in different ways. The first
// attempt of the table fails too, where one is made.
func TestGate_Answers(t *testing.T) {
	outdated := fmt.Errorf("the list has changed: %w", ErrOutdated)
	hangs := errors.New("hangs")
	for name, c := range map[string]struct {
		answers  []error // of the gate, then nil
		attempts int     // of the table
		retried  int
		end      error // nil: all rows are stored
	}{
		"it allows":                           {nil, 2, 1, nil},
		"outdated before the first attempt":   {[]error{outdated}, 0, 0, ErrOutdated},
		"blocked":                             {[]error{fmt.Errorf("no key: %w", ErrBlocked)}, 0, 0, ErrBlocked},
		"outdated after an unknown outcome":   {[]error{nil, outdated}, 1, 1, ErrOutdated},
		"clickhouse is down, and then allows": {[]error{io.ErrUnexpectedEOF, io.ErrUnexpectedEOF, &netError{}}, 2, 4, nil},
		"clickhouse is down, then outdated":   {[]error{io.ErrUnexpectedEOF, io.ErrUnexpectedEOF, outdated}, 0, 2, ErrOutdated},
		// Rows are halved for the memory or the time of their insert, not of the look.
		"no memory for the look": {[]error{answer(241), answer(241), answer(241)}, 2, 4, nil},
		"the look hangs":         {[]error{hangs, hangs, hangs, hangs}, 2, 5, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{fault: func(_ context.Context, attempt int, _ segment) (error, bool) {
					if attempt == 1 {
						return io.ErrUnexpectedEOF, false
					}
					return nil, false
				}}
				var seen []retried
				in := inserterOver(m, zap.NewNop(), &seen)
				asked := 0
				in.gate = func(ctx context.Context) error {
					asked++
					if ctx.Value(boundKey{}) != "bound" {
						t.Error("the gate does not know what the work was prepared under")
					}
					if left, ok := ctx.Deadline(); !ok || time.Until(left) > Defaults().InsertTimeout {
						t.Error("the gate has no time limit")
					}
					if asked > len(c.answers) {
						return nil
					}
					if errors.Is(c.answers[asked-1], hangs) {
						<-ctx.Done()
						return fmt.Errorf("look: %w", ctx.Err())
					}
					return c.answers[asked-1]
				}
				ctx := context.WithValue(t.Context(), boundKey{}, "bound")
				done, err := in.insertAll(ctx, wholeBatch(batchOf(5), "t"))
				if !errors.Is(err, c.end) || c.end != nil && errors.As(err, new(*Error)) {
					t.Fatalf("got %v, want %v", err, c.end)
				}
				if m.attempts != c.attempts || len(seen) != c.retried {
					t.Errorf("%d attempts, %d of them retried; want %d, %d", m.attempts, len(seen), c.attempts, c.retried)
				}
				if slices.ContainsFunc(seen, func(r retried) bool { return r.class != ClassRetry }) || done.splits != 0 {
					t.Errorf("retried as %v, %d halved", seen, done.splits)
				}
				var want []int64
				if c.end == nil {
					want = upTo(5)
				}
				storedOnce(t, m, want)
			})
		})
	}
}

type boundKey struct{}

// TestGate_SlowLook has looks that take nearly all of an attempt's time, and succeed. The
// rows are not halved for it.
func TestGate_SlowLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timeout := Defaults().InsertTimeout
		takes := func(ctx context.Context, d time.Duration) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		m := &memory{fault: func(ctx context.Context, _ int, _ segment) (error, bool) { return takes(ctx, timeout/5), false }}
		in := inserterOver(m, zap.NewNop(), new([]retried))
		looks := 0
		in.gate = func(ctx context.Context) error {
			if looks++; looks <= 4 {
				return takes(ctx, timeout*9/10)
			}
			return nil
		}
		done, err := in.insertAll(t.Context(), wholeBatch(batchOf(8), "t"))
		if err != nil || done.splits != 0 || looks != 5 {
			t.Errorf("%d looks, halved %d times, %v", looks, done.splits, err)
		}
		storedOnce(t, m, upTo(8))
	})
}

// TestGate_CannotRead stops when the look is refused: a repetition would be refused too.
func TestGate_CannotRead(t *testing.T) {
	for _, code := range []int32{60, 497} {
		m := &memory{}
		in := inserterOver(m, zap.NewNop(), nil)
		in.gate = func(context.Context) error { return fmt.Errorf("look: %w", answer(code)) }
		_, err := in.insertAll(t.Context(), wholeBatch(batchOf(5), "t"))
		var fatal *Error
		if !errors.As(err, &fatal) || fatal.Class != ClassFatal || fatal.Code != code || m.attempts != 0 {
			t.Errorf("code %d: got %v after %d attempts", code, err, m.attempts)
		}
	}
}

// TestGate_EndOfTheWork returns the end of the context, not what the gate made of it.
func TestGate_EndOfTheWork(t *testing.T) {
	m := &memory{}
	in := inserterOver(m, zap.NewNop(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	in.gate = func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return errors.New("look: canceled")
	}
	_, err := in.insertAll(ctx, wholeBatch(batchOf(5), "t"))
	if !errors.Is(err, context.Canceled) || errors.As(err, new(*Error)) || m.attempts != 0 {
		t.Errorf("got %v after %d attempts", err, m.attempts)
	}
}

// TestGate_EachHalf asks before each half of an insert that is too large.
func TestGate_EachHalf(t *testing.T) {
	m := &memory{fault: func(_ context.Context, _ int, s segment) (error, bool) {
		if s.rows > 2 {
			return answer(241), false
		}
		return nil, false
	}}
	in := inserterOver(m, zap.NewNop(), nil)
	asked := 0
	in.gate = func(context.Context) error {
		if asked++; asked > 4 { // the whole, a half, and both of its halves
			return ErrOutdated
		}
		return nil
	}
	if _, err := in.insertAll(t.Context(), wholeBatch(batchOf(8), "t")); !errors.Is(err, ErrOutdated) {
		t.Fatalf("got %v", err)
	}
	storedOnce(t, m, upTo(4))
}
