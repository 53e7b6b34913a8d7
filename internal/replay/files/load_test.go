package files

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/transform"
)

// worldLines are the messages of the world as NDJSON, in the order of their times: in a
// file the later row of an event wins, in Kafka the later record. A line end inside of a
// message is white space of JSON.
func (e *env) worldLines() []byte {
	messages := slices.SortedStableFunc(e.World.Messages(), func(a, b world.Message) int { return a.Time.Compare(b.Time) })
	var b bytes.Buffer
	for _, m := range messages {
		b.Write(bytes.ReplaceAll(bytes.ReplaceAll(m.Value, []byte("\n"), []byte(" ")), []byte("\r"), []byte(" ")))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// TestLoad_GivesWhatKafkaGives loads a world from files of every format and compression,
// each into its own database, and compares with what the consumer makes of the same
// messages.
func TestLoad_GivesWhatKafkaGives(t *testing.T) {
	tier.Full(t, "loads a world eight times")
	stream := newEnv(t, 150)
	stream.Publish()
	stream.Ingest()
	want := stream.events(stream.Topic, content)
	letters := stream.count("SELECT count() FROM dead_letters FINAL WHERE resolved_at IS NULL")
	ndjson := stream.worldLines()
	exported := stream.exportOf(ndjson)
	for name, c := range map[string]struct {
		content    []byte
		normalised bool
	}{
		"plain.ndjson":     {ndjson, false},
		"packed.ndjson.gz": {gzipped(t, ndjson), false},
		"packed.ndjson":    {zstandard(t, ndjson), false},
		"export.csv":       {exported.csv(t, ',', "\n"), true},
		"semicolon.csv.gz": {gzipped(t, exported.csv(t, ';', "\r\n")), true},
		"export.parquet":   {exported.parquet(t), true},
		"export.parquet.z": {zstandard(t, exported.parquet(t)), true},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, 0)
			e.rules = stream.rules
			j := e.load(e.loader(nil), Limits{}, e.write(name, c.content))
			got := e.events(e.Topic, content)
			if c.normalised { // the action is already the canonical one
				columns := strings.TrimSuffix(content, ", subscription_action_raw")
				e.wantEvents(e.events(e.Topic, columns), stream.events(stream.Topic, columns))
				return
			}
			e.wantEvents(got, want)
			if n := e.count("SELECT count() FROM dead_letters FINAL"); n != letters || n != j.Counts[job.DeadLettered] {
				t.Errorf("%d dead letters, want %d; the job counts %d", n, letters, j.Counts[job.DeadLettered])
			}
			if rows := uint64(bytes.Count(ndjson, []byte("\n"))); j.Counts[job.Messages] != rows {
				t.Errorf("%d messages, want %d", j.Counts[job.Messages], rows)
			}
			if n := e.count("SELECT count() FROM subscription_events WHERE version != 0 OR source != 'file'"); n > 0 {
				t.Errorf("%d rows have another version or source", n)
			}
		})
	}
}

// export is what `pianola transform` makes of messages, as a customer would store it.
type export []exportRow

type exportRow struct {
	SubscriptionID           string     `parquet:"subscription_id" json:"subscription_id"`
	UserID                   string     `parquet:"user_id" json:"user_id"`
	EventTimestamp           time.Time  `parquet:"event_timestamp,timestamp(millisecond)" json:"event_timestamp"`
	SubscriptionAction       string     `parquet:"subscription_action" json:"subscription_action"`
	EventName                *string    `parquet:"event_name,optional" json:"event_name"`
	ResourceName             *string    `parquet:"resource_name,optional,dict" json:"resource_name"`
	NextBilledAt             *time.Time `parquet:"next_billed_at,optional,timestamp(millisecond)" json:"next_billed_at"`
	BillingPeriod            *string    `parquet:"billing_period,optional" json:"billing_period"`
	TermType                 *string    `parquet:"term_type,optional" json:"term_type"`
	TermName                 *string    `parquet:"term_name,optional" json:"term_name"`
	TransactionValue         *float64   `parquet:"transaction_value,optional" json:"transaction_value"`
	TrialPeriodEndedAt       *time.Time `parquet:"trial_period_ended_at,optional,timestamp(millisecond)" json:"trial_period_ended_at"`
	TrialDuration            *string    `parquet:"trial_duration,optional" json:"trial_duration"`
	BillingCountryCode       *string    `parquet:"billing_country_code,optional" json:"billing_country_code"`
	SubscriptionPeriodNumber *int32     `parquet:"subscription_period_number,optional" json:"subscription_period_number"`
	PaymentMode              *string    `parquet:"payment_mode,optional" json:"payment_mode"`
	UpgradeToSubscriptionID  *string    `parquet:"upgrade_to_subscription_id,optional" json:"upgrade_to_subscription_id"`
	UserEmailHashSHA256      *string    `parquet:"user_email_hash_sha256,optional" json:"user_email_hash_sha256"`
	IsInternalUser           bool       `parquet:"is_internal_user" json:"is_internal_user"`
	ExperienceName           *string    `parquet:"experience_name,optional" json:"experience_name"`
}

// exportOf keeps the order of the messages: of two deliveries of an event the later one
// wins in files.
func (e *env) exportOf(ndjson []byte) (all export) {
	e.Helper()
	rules, err := transform.New(e.rules)
	e.Must(err)
	worker := rules.NewWorker()
	for line := range bytes.Lines(ndjson) {
		result := worker.Apply(bytes.TrimSuffix(line, []byte("\n")), time.Now())
		if result.Outcome != transform.Stored {
			continue
		}
		var printed struct{ Event exportRow }
		e.Must(json.Unmarshal(result.AppendJSON(nil), &printed))
		all = append(all, printed.Event)
	}
	return all
}

func (x export) parquet(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[exportRow](&b, parquet.MaxRowsPerRowGroup(500))
	if _, err := w.Write(x); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (x export) csv(t testing.TB, separator rune, lineEnd string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = separator, lineEnd == "\r\n"
	var names []string
	for _, f := range parquet.SchemaOf(exportRow{}).Fields() {
		names = append(names, f.Name())
	}
	if err := w.Write(names); err != nil {
		t.Fatal(err)
	}
	for _, r := range x {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]any{}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&values); err != nil {
			t.Fatal(err)
		}
		var cells []string
		for _, name := range names {
			cell := ""
			if v := values[name]; v != nil {
				cell = fmt.Sprint(v)
			}
			cells = append(cells, cell)
		}
		if err := w.Write(cells); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	return b.Bytes()
}

// TestResume_CountsDeadLettersAfterAKill: the record of a job that was killed does not know
// the dead letters of its last batch, and the ledger does.
func TestResume_CountsDeadLettersAfterAKill(t *testing.T) {
	e := newEnv(t, 0)
	path := e.write("a.ndjson", []byte("{\n[]\n"))
	j := e.load(e.loader(nil), Limits{}, path)
	if j.Counts[job.NewDeadLetters] != 2 {
		t.Fatalf("got %+v", j.Counts)
	}
	e.Exec(`INSERT INTO replay_jobs SELECT * REPLACE ('failed' AS state, map() AS counts, written_at + INTERVAL 1 MILLISECOND AS written_at)
		FROM replay_jobs FINAL WHERE record = 'progress'`)
	j, err := e.loader(nil).Resume(t.Context(), j.ID, nil)
	e.Must(err)
	if j.Counts[job.NewDeadLetters] != 2 {
		t.Errorf("got %+v", j.Counts)
	}
}
