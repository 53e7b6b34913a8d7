package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"
)

func inserted(t *testing.T, m *memory, b *Batch) insertResult {
	t.Helper()
	done, err := inserterOver(m, zap.NewNop(), nil).insertAll(t.Context(), wholeBatch(b, b.Token))
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// storedOnce fails unless exactly these offsets are in, each once.
func storedOnce(t failer, m *memory, want []int64) {
	t.Helper()
	got := slices.Sorted(func(yield func(int64) bool) {
		for offset, times := range m.rows {
			if times != 1 {
				t.Fatalf("offset %d stored %d times", offset, times)
			}
			if !yield(offset) {
				return
			}
		}
	})
	if !slices.Equal(got, want) {
		t.Fatalf("stored %d rows, want %d", len(got), len(want))
	}
}

func upTo(n int) (all []int64) {
	for i := range n {
		all = append(all, int64(i))
	}
	return all
}

func TestSettler_Retry(t *testing.T) {
	for name, fault := range map[string]error{
		"network":                 &netError{},
		"end of stream":           fmt.Errorf("packet: %w", io.EOF),
		"too many parts":          answer(252),
		"too many queries":        answer(202),
		"keeper":                  answer(999),
		"unknown insert status":   answer(319),
		"the server's time bound": answer(159),
	} {
		t.Run(name+" is retried, each time under a new token, until it passes", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{fault: func(_ context.Context, attempt int, _ segment) (error, bool) {
					if attempt <= 2 {
						return fault, false
					}
					return nil, false
				}}
				done := inserted(t, m, batchOf(10, 5))
				storedOnce(t, m, upTo(15))
				if !slices.Equal(m.tokens, []string{"t", "t#2", "t#3"}) || done.attempts != 3 {
					t.Fatalf("tokens %v, attempts %d", m.tokens, done.attempts)
				}
			})
		})
	}
	// A server killed between writing the token to its log and putting the part in
	// place: under the same token the rows were acknowledged, committed and lost.
	t.Run("a token that has outlived its rows does not cost them", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{seen: map[string]bool{}}
			m.fault = func(_ context.Context, attempt int, s segment) (error, bool) {
				if attempt == 1 {
					m.seen[s.token] = true
					return io.ErrUnexpectedEOF, false
				}
				return nil, false
			}
			inserted(t, m, batchOf(7))
			storedOnce(t, m, upTo(7))
		})
	})
	t.Run("pauses grow to the maximum and never end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var at []time.Time
			m := &memory{fault: func(_ context.Context, attempt int, _ segment) (error, bool) {
				at = append(at, time.Now())
				if attempt < 200 {
					return syscall.ECONNREFUSED, false
				}
				return nil, false
			}}
			inserted(t, m, batchOf(1))
			retry := Defaults().Retry
			if first := at[1].Sub(at[0]); first < retry.Initial/2 || first > retry.Initial*3/2 {
				t.Fatalf("first pause %s", first)
			}
			for i := 20; i < len(at); i++ {
				if pause := at[i].Sub(at[i-1]); pause < retry.Max/2 || pause > retry.Max*3/2 {
					t.Fatalf("pause %d is %s", i, pause)
				}
			}
		})
	})
}

type netError struct{}

func (*netError) Error() string   { return "i/o timeout reading " + secretText }
func (*netError) Timeout() bool   { return true }
func (*netError) Temporary() bool { return true }

func TestSettler_Context(t *testing.T) {
	t.Run("its end in an attempt is returned and is not fatal", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			m := &memory{fault: func(ctx context.Context, _ int, _ segment) (error, bool) {
				<-ctx.Done()
				return ctx.Err(), false
			}}
			_, err := inserterOver(m, zap.NewNop(), nil).insertAll(ctx, wholeBatch(batchOf(1), "t"))
			var fatal *Error
			if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &fatal) {
				t.Fatal(err)
			}
			// 60 s hold three attempts of 20 s and their pauses at most.
			if m.attempts < 2 || m.attempts > 3 {
				t.Fatalf("%d attempts: each must be bounded", m.attempts)
			}
		})
	})
	t.Run("its end in a pause is returned at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			m := &memory{fault: func(context.Context, int, segment) (error, bool) {
				time.AfterFunc(time.Millisecond, cancel)
				return answer(202), false
			}}
			start := time.Now()
			_, err := inserterOver(m, zap.NewNop(), nil).insertAll(ctx, wholeBatch(batchOf(1), "t"))
			if !errors.Is(err, context.Canceled) || time.Since(start) > time.Millisecond {
				t.Fatal(err, time.Since(start))
			}
		})
	})
}

func TestSettler_Split(t *testing.T) {
	t.Run("memory: halves under new tokens, in order", func(t *testing.T) {
		m := &memory{fault: func(_ context.Context, _ int, s segment) (error, bool) {
			if s.rows > 3 {
				return answer(241), false
			}
			return nil, false
		}}
		done := inserted(t, m, batchOf(5, 0, 6))
		storedOnce(t, m, upTo(11))
		if !slices.IsSorted(m.order) {
			t.Fatalf("order %v", m.order)
		}
		if tokens := slices.Compact(slices.Sorted(slices.Values(m.tokens))); len(tokens) != len(m.tokens) {
			t.Fatalf("a token was used for two sets of rows: %v", m.tokens)
		}
		if !slices.Contains(m.tokens, "t/0") || !slices.Contains(m.tokens, "t/1/1") || done.splits != 3 {
			t.Fatalf("tokens %v, splits %d", m.tokens, done.splits)
		}
	})
	t.Run("memory: a single row is retried", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{fault: func(_ context.Context, attempt int, s segment) (error, bool) {
				if attempt < 10 {
					return answer(241), false
				}
				return nil, false
			}}
			inserted(t, m, batchOf(2))
			storedOnce(t, m, upTo(2))
		})
	})
	t.Run("the time bound hit three times in a row halves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{fault: func(ctx context.Context, _ int, s segment) (error, bool) {
				if s.rows > 4 {
					<-ctx.Done()
					return ctx.Err(), false
				}
				return nil, false
			}}
			inserted(t, m, batchOf(8))
			storedOnce(t, m, upTo(8))
			if want := []string{"t", "t#2", "t#3", "t/0", "t/1"}; !slices.Equal(m.tokens, want) {
				t.Fatalf("tokens %v", m.tokens)
			}
		})
	})
	t.Run("another failure between two late ones starts the count again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{fault: func(ctx context.Context, attempt int, s segment) (error, bool) {
				switch {
				case attempt == 3:
					return answer(202), false
				case attempt < 6:
					return answer(159), false
				}
				return nil, false
			}}
			inserted(t, m, batchOf(8))
			if want := []string{"t", "t#2", "t#3", "t#4", "t#5", "t#6"}; !slices.Equal(m.tokens, want) {
				t.Fatalf("tokens %v", m.tokens)
			}
		})
	})
}

// refusing says no to any segment that holds one of these offsets.
func refusing(bad ...int64) func(context.Context, int, segment) (error, bool) {
	return func(_ context.Context, _ int, s segment) (error, bool) {
		for _, offset := range offsets(s) {
			if slices.Contains(bad, offset) {
				return answer(469), false
			}
		}
		return nil, false
	}
}

// naming is refusing by a constraint: ClickHouse names the first row.
func naming(bad ...int64) func(context.Context, int, segment) (error, bool) {
	return func(_ context.Context, _ int, s segment) (error, bool) {
		for i, offset := range offsets(s) {
			if slices.Contains(bad, offset) {
				return &ch.Exception{Code: 469, Message: fmt.Sprintf("DB::Exception: Constraint `a` for table piano.subscription_events "+
					"(7b2f0a4e-0d5c-4a55-9d8e-0a4b8f0c1d2e) is violated at row %d. Expression: (x). Column values: secret", i+1)}, false
			}
		}
		return nil, false
	}
}

func TestSettler_Refused(t *testing.T) {
	t.Run("rows that ClickHouse names are found with one insert each, and the others stored by one", func(t *testing.T) {
		var bad []int64
		for offset := int64(50); offset < 20_000; offset += 111 {
			bad = append(bad, offset)
		}
		m := &memory{fault: naming(bad...)}
		done := inserted(t, m, batchOf(12_000, 8_000))
		if len(done.refused) != len(bad) || done.attempts > len(bad)+len(bad)/4 || len(m.stores) != 1 {
			t.Fatalf("%d of %d refused rows found by %d inserts, the others stored by %d", len(done.refused), len(bad), done.attempts, len(m.stores))
		}
		storedOnce(t, m, slices.DeleteFunc(upTo(20_000), func(o int64) bool { return slices.Contains(bad, o) }))
	})
	t.Run("rows that a view has kept out of the table are sent again without it", func(t *testing.T) {
		m := &memory{fault: func(_ context.Context, _ int, s segment) (error, bool) {
			if s.withoutViews {
				return nil, false
			}
			return &ch.Exception{Code: 60, Message: "DB::Exception: secret: while pushing to view piano.theirs (7b2f0a4e-0d5c-4a55-9d8e-0a4b8f0c1d2e)"}, false
		}}
		done := inserted(t, m, batchOf(9))
		storedOnce(t, m, upTo(9))
		if len(done.refused) != 0 || done.attempts != 2 || done.views[viewFailure{"piano.theirs", 60}] != 9 {
			t.Fatalf("%+v", done)
		}
	})
	t.Run("a row that the table has is not refused", func(t *testing.T) {
		for name, fault := range map[string]func(context.Context, int, segment) (error, bool){
			"at once": func(context.Context, int, segment) (error, bool) { return answer(395), true },
			"half of them": func(_ context.Context, attempt int, s segment) (error, bool) {
				if attempt == 1 {
					return answer(395), false
				}
				return answer(395), true
			},
		} {
			t.Run(name, func(t *testing.T) {
				m := &memory{fault: fault}
				done := inserted(t, m, batchOf(30, 20))
				stored := 0
				for _, rows := range done.views {
					stored += rows
				}
				if len(done.refused) != 0 || stored != 50 || len(m.rows) != 50 {
					t.Fatalf("%d refused, %d counted, %d stored", len(done.refused), stored, len(m.rows))
				}
			})
		}
	})

	t.Run("the refused rows are found and all others stored", func(t *testing.T) {
		m := &memory{fault: refusing(0, 42, 43, 299)}
		done := inserted(t, m, batchOf(43, 100, 257))
		want := []refusal{{part: 0, row: 0, code: 469}, {part: 0, row: 42, code: 469}, {part: 1, row: 0, code: 469}, {part: 2, row: 156, code: 469}}
		if !slices.Equal(done.refused, want) {
			t.Fatalf("refused %v", done.refused)
		}
		storedOnce(t, m, slices.DeleteFunc(upTo(400), func(o int64) bool { return slices.Contains([]int64{0, 42, 43, 299}, o) }))
	})
	t.Run("a table that refuses everything ends soon", func(t *testing.T) {
		m := &memory{fault: refusing(upTo(10_000)...)}
		_, err := inserterOver(m, zap.NewNop(), nil).insertAll(t.Context(), wholeBatch(batchOf(10_000), "t"))
		if !errors.Is(err, ErrTooManyRefused) || m.attempts > 600 {
			t.Fatalf("%v after %d attempts", err, m.attempts)
		}
	})
}

func TestSettler_Fatal(t *testing.T) {
	for _, code := range []int32{16, 60, 81, 164, 497, 516, 12_345} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			m := &memory{fault: func(context.Context, int, segment) (error, bool) { return answer(code), false }}
			_, err := inserterOver(m, zap.NewNop(), nil).insertAll(t.Context(), wholeBatch(batchOf(200), "t"))
			var fatal *Error
			if !errors.As(err, &fatal) || fatal.Class != ClassFatal || fatal.Code != code || fatal.Hint == "" || m.attempts != 1 {
				t.Fatalf("%v after %d attempts", err, m.attempts)
			}
		})
	}
}

// TestInserter_AnyFaults: under any mixture of transient faults, every row ends in
// the table once or among the refused.
func TestInserter_AnyFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, 40), 1, 4).Draw(rt, "parts")
		b := batchOf(sizes...)
		all := wholeBatch(b, "t")
		bad := rapid.SliceOfNDistinct(rapid.Int64Range(0, 99), 0, maxRefused(all.rows)/2, rapid.ID).Draw(rt, "refused")
		room := rapid.IntRange(1, 100).Draw(rt, "room")
		named := rapid.Bool().Draw(rt, "named")
		faults := rapid.SliceOfN(rapid.SampledFrom([]int32{202, 252, 159, 241, 0, 0}), 0, 20).Draw(rt, "faults")
		m := &memory{}
		m.fault = func(ctx context.Context, attempt int, s segment) (error, bool) {
			if attempt <= len(faults) && faults[attempt-1] != 0 {
				return answer(faults[attempt-1]), attempt%2 == 0
			}
			if s.rows > room {
				return answer(241), false
			}
			if named {
				return naming(bad...)(ctx, attempt, s)
			}
			return refusing(bad...)(ctx, attempt, s)
		}
		var done insertResult
		var err error
		synctest.Test(t, func(t *testing.T) {
			done, err = inserterOver(m, zap.NewNop(), nil).insertAll(t.Context(), all)
		})
		if err != nil {
			rt.Fatal(err)
		}
		refused := make(map[int64]bool)
		for _, r := range done.refused {
			refused[b.Parts[r.part].Chunk.sourceOffset.values[r.row]] = true
		}
		for _, offset := range upTo(all.rows) {
			// A row that an attempt has stored is not a refused one, for any answer.
			if absent := m.rows[offset] == 0; refused[offset] != absent || absent && !slices.Contains(bad, offset) {
				rt.Fatalf("offset %d: refused %t, stored %d times", offset, refused[offset], m.rows[offset])
			}
		}
	})
}

// TestSettler_Privacy: the server's text, with its values, reaches neither a log
// line nor an error.
func TestSettler_Privacy(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	for _, faults := range [][]error{{answer(202), &netError{}, answer(241), answer(60)}, {answer(469)}, {errors.New(secretText)}} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{fault: func(_ context.Context, attempt int, _ segment) (error, bool) {
				return faults[min(attempt, len(faults))-1], false
			}}
			_, err := inserterOver(m, zap.New(core), nil).insertAll(t.Context(), wholeBatch(batchOf(300), "t"))
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(fmt.Sprintf("%v %+v", e, e), "secret") {
					t.Fatalf("error shows the server's text: %v", e)
				}
			}
		})
	}
	for _, line := range logs.All() {
		if strings.Contains(fmt.Sprint(line.Message, line.ContextMap()), "secret") {
			t.Fatalf("log shows the server's text: %v", line)
		}
	}
	if logs.Len() == 0 {
		t.Fatal("nothing was logged")
	}
}

func TestSettler_Hooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []retried
		m := &memory{fault: func(_ context.Context, attempt int, s segment) (error, bool) {
			switch attempt {
			case 1:
				return answer(202), false
			case 2:
				return answer(241), false
			}
			return nil, false
		}}
		s := inserterOver(m, zap.NewNop(), &seen)
		var rows int
		s.onInsert = func(table string, n, bytes int, _ time.Duration) {
			if table != EventsTable || bytes <= 0 {
				t.Errorf("insert into %s of %d bytes", table, bytes)
			}
			rows += n
		}
		if _, err := s.insertAll(t.Context(), wholeBatch(batchOf(9), "t")); err != nil {
			t.Fatal(err)
		}
		if want := []retried{{ClassRetry, 202}, {ClassSplit, 241}}; !slices.Equal(seen, want) || rows != 9 {
			t.Fatalf("retries %v, rows %d", seen, rows)
		}
	})
}

// A proxy's limit is learned, and forgotten when somebody may have raised it.
func TestInserter_ForgetsAProxysLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := 4 // rows
		m := &memory{fault: func(_ context.Context, _ int, s segment) (error, bool) {
			if s.rows > limit {
				return &clickhouse.HTTPError{StatusCode: 413, Err: errors.New(secretText)}, false
			}
			return nil, false
		}}
		i := inserterOver(m, zap.NewNop(), nil)
		attempts := func(token string) int {
			result, err := i.insertAll(t.Context(), wholeBatch(batchOf(8), token))
			if err != nil {
				t.Fatal(err)
			}
			return result.attempts
		}
		if n := attempts("learns"); n != 3 {
			t.Errorf("%d attempts until the limit was known, want one refused and two halves", n)
		}
		limit = 8
		if n := attempts("knows"); n != 2 {
			t.Errorf("%d attempts with a known limit, want two halves", n)
		}
		<-time.After(forgetMaxBytes + time.Second)
		if n := attempts("has forgotten"); n != 1 {
			t.Errorf("%d attempts after the limit was raised and forgotten, want one", n)
		}
	})
}
