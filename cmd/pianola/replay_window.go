package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/replay/window"
)

// windowFlags are the flags that say which messages are read.
type windowFlags struct {
	topic      string
	partitions []int32
	from, to   string
	last       time.Duration
	starts     string
	ends       string
}

func (f *windowFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.topic, "topic", "", "only this topic (default all of kafka.topics)")
	flags.Int32SliceVar(&f.partitions, "partition", nil, "only these partitions, as `NUMBER,...`")
	flags.StringVar(&f.from, "from", "", "from the first record of this `TIME` or later, such as "+instantForms)
	flags.StringVar(&f.to, "to", "", "up to the first record of this `TIME` or later (default the end of the log)")
	flags.DurationVar(&f.last, "last", 0, "the records of this last `TIME`, such as 6h")
	flags.StringVar(&f.starts, "from-offsets", "", "from these offsets, as `PARTITION:OFFSET,...`")
	flags.StringVar(&f.ends, "to-offsets", "", "up to and without these offsets, as `PARTITION:OFFSET,...` (default the end of the log)")
}

// window is what the flags ask for.
func (f *windowFlags) window(c *cobra.Command, topics []string, now time.Time) (window.Window, error) {
	given := func(name string) bool { return c.Flags().Changed(name) }
	w := window.Window{Topics: topics, Partitions: f.partitions}
	if f.topic != "" {
		w.Topics = []string{f.topic}
	}
	var err error
	switch {
	case given("from-offsets") && (given("from") || given("to") || given("last")):
		return w, errors.New("--from-offsets: cannot be combined with --from, --to and --last")
	case given("last") && (given("from") || given("to")):
		return w, errors.New("--last: cannot be combined with --from and --to")
	case given("to-offsets") && !given("from-offsets"):
		return w, errors.New("--to-offsets: needs --from-offsets")
	case given("from-offsets"):
		if w.Starts, err = parseOffsets("--from-offsets", f.starts); err != nil {
			return w, err
		}
		if given("to-offsets") {
			w.Ends, err = parseOffsets("--to-offsets", f.ends)
		}
	case given("last"):
		if f.last <= 0 {
			return w, errors.New("--last: must be above 0, such as 6h")
		}
		w.From = now.Add(-f.last)
	case given("from"):
		err = f.times(&w)
	case given("to"):
		return w, errors.New("--to: needs --from")
	default:
		return w, errors.New("say which messages: --from with --to, --last, or --from-offsets")
	}
	if err == nil {
		err = w.Validate(now)
	}
	return w, err
}

// times parses --from and --to.
func (f *windowFlags) times(w *window.Window) (err error) {
	if w.From, err = parseInstant(f.from); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	if f.to == "" {
		return nil
	}
	if w.To, err = parseInstant(f.to); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	return nil
}

// parseOffsets parses 0:1200417,3:9000.
func parseOffsets(flag, text string) (map[int32]int64, error) {
	offsets := map[int32]int64{}
	for term := range strings.SplitSeq(text, ",") {
		left, right, found := strings.Cut(strings.TrimSpace(term), ":")
		partition, err := strconv.ParseInt(left, 10, 32)
		offset, err2 := strconv.ParseInt(right, 10, 64)
		if !found || err != nil || err2 != nil || partition < 0 || offset < 0 {
			return nil, fmt.Errorf("%s: use PARTITION:OFFSET,..., such as 0:1200417,3:9000", flag)
		}
		if _, twice := offsets[int32(partition)]; twice {
			return nil, fmt.Errorf("%s: partition %d is there twice", flag, partition)
		}
		offsets[int32(partition)] = offset
	}
	return offsets, nil
}
