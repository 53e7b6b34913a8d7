package system

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/bench/messages"
)

// File is ClickHouse alone: INSERT … SELECT FROM file(), without Kafka and without a
// consumer. It is the bound of what a consumer in front of ClickHouse can reach.
type File struct {
	Unoptimized bool // with optimize_on_insert = 0
}

// Name implements System.
func (f File) Name() string {
	if f.Unoptimized {
		return "file-unoptimized"
	}
	return "file"
}

// SetUp implements System.
func (f File) SetUp(ctx context.Context, r *Run) error { return r.Database.Create(ctx, false) }

// Start implements System.
func (f File) Start(ctx context.Context, r *Run) (Work, error) {
	if r.File == "" {
		return nil, fmt.Errorf("%s: the run has no file", f.Name())
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &queryWork{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		w.err = r.Database.Exec(ctx, f.insert(r))
	}()
	return w, nil
}

// insert reads the file with one statement.
func (f File) insert(r *Run) string {
	at := coordinates{source: "file", name: "'messages.ndjson'", partition: "s.partition", offset: "s.offset", millis: "s.timestamp_ms"}
	from := fmt.Sprintf("file('%s', 'JSONEachRow', '%s,\n  partition Int32, offset Int64, timestamp_ms Int64')", quoted(r.File), quoted(fields))
	optimize := 1 // the server's default
	if f.Unoptimized {
		// Rows are not deduplicated within a block before they are written. Merges do so later.
		optimize = 0
	}
	return fmt.Sprintf("INSERT INTO `%s`.%s (%s)\n%s\nSETTINGS optimize_on_insert = %d,\n"+
		"  date_time_input_format = 'best_effort',\n"+ // as the Kafka engine
		"  input_format_allow_errors_ratio = 1,\n"+ // broken messages are skipped
		"  max_partitions_per_insert_block = 0,\n"+ // a block has rows of many months
		"  max_insert_threads = 2", // reading and parsing in parallel is the default, writing is not
		r.Database.Name, lab.Events, inserted, selection(from, at, "1"), optimize)
}

// quoted escapes a text for a literal of SQL.
func quoted(text string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text)
}

// inserted are the columns of selection, in its order.
const inserted = `event_id, subscription_id, user_id, event_timestamp, subscription_action, event_name, resource_name, next_billed_at,
  billing_period, term_type, term_name, transaction_value, trial_period_ended_at, trial_duration, billing_country_code,
  subscription_period_number, payment_mode, upgrade_to_subscription_id, user_email_hash_sha256, is_internal_user,
  experience_name, subscription_action_raw, version, synced_at, source, source_name, source_partition, source_offset`

// queryWork is one statement at work.
type queryWork struct {
	cancel context.CancelFunc
	ended  chan struct{} // closed after err is set
	err    error
}

func (w *queryWork) PID() int { return 0 }

func (w *queryWork) Ready(context.Context) error { return nil }

func (w *queryWork) Done(ctx context.Context) error {
	select {
	case <-w.ended:
		return w.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *queryWork) Stop(context.Context) error {
	w.cancel()
	<-w.ended
	return nil
}

// WriteFile writes the messages of a stream as lines, each with the coordinates that its
// record has.
func WriteFile(path string, stream *messages.Stream) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the messages: %w", err)
	}
	out := bufio.NewWriterSize(file, 1<<20)
	var line []byte
	for m := range stream.All() {
		line = append(line[:0], `{"partition":`...)
		line = strconv.AppendInt(line, int64(m.Partition), 10)
		line = append(line, `,"offset":`...)
		line = strconv.AppendInt(line, m.Offset, 10)
		line = append(line, `,"timestamp_ms":`...)
		line = strconv.AppendInt(line, m.Time.UnixMilli(), 10)
		line = append(line, ',')
		line = append(line, m.Value[1:]...)
		if _, err = out.Write(append(line, '\n')); err != nil {
			break
		}
	}
	if err == nil {
		err = out.Flush()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write the messages: %w", err)
	}
	return nil
}
