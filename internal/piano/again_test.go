package piano_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
)

// offline is a client whose requests are answered by a function, for tests whose
// time is not the clock's.
func offline(t *testing.T, answer func(attempt int) *http.Response, change ...func(*piano.Config)) (c *piano.Client, times *[]time.Time) {
	t.Helper()
	cfg := piano.Defaults()
	cfg.AID, cfg.Token, cfg.Rate = "app1", token, 1000
	for _, f := range change {
		f(&cfg)
	}
	c, err := piano.New(cfg, nil, zap.NewNop(), piano.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	times = new([]time.Time)
	piano.SetTransport(c, roundTrip(func(*http.Request) (*http.Response, error) {
		*times = append(*times, time.Now())
		return answer(len(*times)), nil
	}))
	return c, times
}

// A request whose turn comes after its context's end waits for that end, once.
func TestRequests_ThatGetNoTurnInTimeSaySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, times := offline(t, func(int) *http.Response { return response(200, found, nil) }, func(cfg *piano.Config) { cfg.Rate = 0.01 })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := c.Get(ctx, "S1"); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		_, err := c.Get(ctx, "S1")
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "timed out") || len(*times) != 1 || time.Since(begun) != 10*time.Second {
			t.Errorf("%v after %v and %d attempts", err, time.Since(begun), len(*times))
		}
	})
}

// A pause that the API asks for does not reset the others.
func TestRequests_PausesGrowBehindThoseThatAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, times := offline(t, func(attempt int) *http.Response {
			if attempt%2 == 1 {
				return response(429, "", http.Header{"Retry-After": {"1"}})
			}
			return response(500, "", nil)
		})
		if _, err := c.Get(t.Context(), "S1"); !errors.Is(err, piano.ErrBusy) || len(*times) != 8 {
			t.Fatalf("%v after %d attempts", err, len(*times))
		}
		if pause := (*times)[6].Sub((*times)[5]); pause < 3*time.Second {
			t.Errorf("the sixth pause is %v", pause)
		}
	})
}

// Where there is no time for another attempt, the error says so beside what was
// answered last.
func TestRequests_ThatEndInAPauseSayBoth(t *testing.T) {
	for want, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"timed out": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 10*time.Second)
		},
		"interrupted": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(10*time.Second, cancel)
			return ctx, cancel
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, _ := offline(t, func(int) *http.Response { return response(429, "", http.Header{"Retry-After": {"77"}}) })
			ctx, cancel := end(t.Context())
			defer cancel()
			_, err := c.Get(ctx, "S1")
			if !errors.Is(err, piano.ErrBusy) || !errors.Is(err, ctx.Err()) || !strings.Contains(err.Error(), "status 429") || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q, got %v", want, err)
			}
		})
	}
}
