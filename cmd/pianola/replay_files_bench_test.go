package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// BenchmarkReplayFiles loads the same messages through the live path and from files, each
// by a pianola process of its own, with the servers on the same cores: from Kafka, from
// NDJSON, CSV and Parquet, and from Kafka again. It reports the rates, as shares of the
// mean of the two runs from Kafka, and the resident memory of each process at its highest.
//
// A rate is measured in the ledger, from the first batch to the last: the start of the
// process and the join of the group are not part of it.
//
//	go test -run '^$' -bench ReplayFiles -benchtime 1x -timeout 1h ./cmd/pianola
//
// PIANOLA_BENCH_MESSAGES is about how many messages there are (default 1,000,000).
func BenchmarkReplayFiles(b *testing.B) {
	messages := 1_000_000
	if text := os.Getenv("PIANOLA_BENCH_MESSAGES"); text != "" {
		var err error
		if messages, err = strconv.Atoi(text); err != nil {
			b.Fatal("PIANOLA_BENCH_MESSAGES is not a number")
		}
	}
	servers := testbed.Start(b)
	const messagesOfOne = 5.25 // of a subscriber
	s := servers.Fixture(b, testbed.Config{Protocol: "native", Seed: 1, Subscribers: int(float64(messages) / messagesOfOne)})
	f := writeBenchFiles(b, s)
	s.Publish()
	binary := build(b)
	for b.Loop() {
		r := &fileRates{B: b, servers: servers, stream: s, binary: binary, rate: map[string]float64{}}
		r.live("kafka")
		for _, format := range []string{"ndjson", "csv", "parquet"} {
			r.files(format, f.paths[format], f.rows[format])
		}
		r.live("kafka-again")
		live := (r.rate["kafka"] + r.rate["kafka-again"]) / 2
		b.ReportMetric(live, "live-messages/s")
		for _, format := range []string{"ndjson", "csv", "parquet"} {
			b.ReportMetric(r.rate[format]/live, format+"/live")
		}
	}
}

// fileRates is one run of the benchmark.
type fileRates struct {
	*testing.B
	servers *testbed.Servers
	stream  *testbed.Fixture
	binary  string
	rate    map[string]float64
}

// live consumes the topic into a new database, with the default settings.
func (r *fileRates) live(name string) {
	target := r.servers.Fixture(r.B, testbed.Config{Protocol: "native"})
	settings := r.stream.Settings
	settings.Kafka.Group, settings.ClickHouse.Database = target.Topic, target.Topic
	command := exec.Command(r.binary, "run")
	command.Env = environment(settings)
	peak := r.start(command)
	target.Must(testbed.Await(r.Context(), "every message accounted for", func() (bool, error) {
		var messages uint64
		err := target.Analyst.QueryRow(r.Context(), "SELECT sum(messages) FROM ingest_ledger").Scan(&messages)
		return messages >= uint64(r.stream.World.Total()), err
	}))
	target.Must(command.Process.Signal(os.Interrupt))
	target.Must(command.Wait())
	r.report(target, name, <-peak, command.ProcessState)
}

// files loads files into a new database.
func (r *fileRates) files(name string, paths []string, rows uint64) {
	target := r.servers.Fixture(r.B, testbed.Config{Protocol: "native"})
	settings := r.stream.Settings
	settings.ClickHouse.Database = target.Topic
	command := exec.Command(r.binary, append([]string{"replay", "files", "--execute", "--json"}, paths...)...)
	command.Env = environment(settings)
	var out bytes.Buffer
	command.Stdout = &out
	peak := r.start(command)
	err := command.Wait()
	var result replayed
	if failed := json.Unmarshal(out.Bytes(), &result); failed != nil || result.Job == nil || result.Job.State != job.Complete {
		r.Fatalf("%s: %v: %s", name, err, &out)
	}
	if got := result.Job.Counts[job.Messages]; got != rows {
		r.Fatalf("%s: %d rows were read, want %d", name, got, rows)
	}
	r.report(target, name, <-peak, command.ProcessState)
}

func (r *fileRates) start(command *exec.Cmd) (peak <-chan int) {
	r.Helper()
	var problems bytes.Buffer
	command.Stderr = &problems
	if err := command.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if r.Failed() {
			r.Log(problems.String())
		}
	})
	return watchPeak(command.Process.Pid)
}

// report measures the rate of a database, and drops it: its merges would slow the next
// run.
func (r *fileRates) report(target *testbed.Fixture, name string, peakKiB int, process *os.ProcessState) {
	var messages, first uint64
	var seconds float64
	target.One(`SELECT sum(messages), sumIf(messages, written_at = (SELECT min(written_at) FROM ingest_ledger)),
		dateDiff('millisecond', min(written_at), maxIf(written_at, messages > 0)) / 1000 FROM ingest_ledger`, &messages, &first, &seconds)
	r.rate[name] = float64(messages-first) / seconds
	var parts uint64
	// Each new part of a table has the next number.
	target.One("SELECT toUInt64(max(max_block_number)) FROM system.parts WHERE database = '"+target.Topic+"' AND table = 'subscription_events'", &parts)
	cpu := process.UserTime() + process.SystemTime()
	r.Logf("%s: %d messages, %.0f messages/s, %v of the process's CPU each, %d new parts, peak %d MiB",
		name, messages, r.rate[name], cpu/time.Duration(messages), parts, peakKiB>>10)
	r.ReportMetric(float64(peakKiB)/1024, name+"-MiB-peak")
	target.Exec("DROP DATABASE " + target.Topic + " SYNC")
}

// benchFiles are the messages of a world in each format, one file a partition.
type benchFiles struct {
	paths map[string][]string
	rows  map[string]uint64
}

// writeBenchFiles writes the messages as they are to NDJSON, and what they give to CSV and
// Parquet, which is how a customer stores them.
func writeBenchFiles(b *testing.B, s *testbed.Fixture) *benchFiles {
	b.Helper()
	f := &benchFiles{paths: map[string][]string{}, rows: map[string]uint64{}}
	rules, err := transform.New(s.Settings.TransformConfig())
	s.Must(err)
	worker := rules.NewWorker()
	dir := b.TempDir()
	create := func(format string, partition int) *os.File {
		path := filepath.Join(dir, fmt.Sprintf("%d.%s", partition, format))
		file, err := os.Create(path)
		s.Must(err)
		f.paths[format] = append(f.paths[format], path)
		return file
	}
	type partition struct {
		ndjson  *os.File
		lines   bytes.Buffer
		cells   *csv.Writer
		columns *parquet.GenericWriter[benchRow]
		files   []*os.File
	}
	all := make([]*partition, testbed.Partitions)
	for i := range all {
		p := &partition{ndjson: create("ndjson", i)}
		csvFile, parquetFile := create("csv", i), create("parquet", i)
		p.cells = csv.NewWriter(csvFile)
		p.columns = parquet.NewGenericWriter[benchRow](parquetFile, parquet.Compression(&parquet.Zstd), parquet.PageBufferSize(1<<20), parquet.MaxRowsPerRowGroup(200_000))
		p.files = []*os.File{p.ndjson, csvFile, parquetFile}
		s.Must(p.cells.Write(benchColumns()))
		all[i] = p
	}
	now := time.Now()
	row := make([]benchRow, 1)
	for m := range s.World.Messages() {
		p := all[m.Partition]
		p.lines.Write(oneLine(m))
		if p.lines.Len() > 1<<20 {
			_, err := p.lines.WriteTo(p.ndjson)
			s.Must(err)
		}
		f.rows["ndjson"]++
		event := worker.Apply(m.Value, now).Event
		if event == nil {
			continue
		}
		row[0] = benchRowOf(event)
		s.Must(p.cells.Write(row[0].cells()))
		_, err := p.columns.Write(row)
		s.Must(err)
		f.rows["csv"]++
		f.rows["parquet"]++
	}
	for _, p := range all {
		_, err := p.lines.WriteTo(p.ndjson)
		s.Must(err)
		p.cells.Flush()
		s.Must(p.cells.Error())
		s.Must(p.columns.Close())
		for _, file := range p.files {
			s.Must(file.Close())
		}
	}
	return f
}

// oneLine is a message as a line. A line end inside of it is white space of JSON.
func oneLine(m world.Message) []byte {
	line := bytes.ReplaceAll(bytes.ReplaceAll(m.Value, []byte("\n"), []byte(" ")), []byte("\r"), []byte(" "))
	return append(line, '\n')
}

// benchRow has the documented columns.
type benchRow struct {
	SubscriptionID           string   `parquet:"subscription_id"`
	UserID                   string   `parquet:"user_id"`
	EventTimestamp           int64    `parquet:"event_timestamp,timestamp(millisecond)"`
	SubscriptionAction       string   `parquet:"subscription_action,dict"`
	EventName                string   `parquet:"event_name,dict"`
	ResourceName             string   `parquet:"resource_name,dict"`
	NextBilledAt             *int64   `parquet:"next_billed_at,optional,timestamp(millisecond)"`
	BillingPeriod            string   `parquet:"billing_period,dict"`
	TermType                 string   `parquet:"term_type,dict"`
	TermName                 string   `parquet:"term_name,dict"`
	TransactionValue         *float64 `parquet:"transaction_value,optional"`
	TrialPeriodEndedAt       *int64   `parquet:"trial_period_ended_at,optional,timestamp(millisecond)"`
	TrialDuration            string   `parquet:"trial_duration,dict"`
	BillingCountryCode       string   `parquet:"billing_country_code,dict"`
	SubscriptionPeriodNumber *int32   `parquet:"subscription_period_number,optional"`
	PaymentMode              string   `parquet:"payment_mode,dict"`
	UpgradeToSubscriptionID  string   `parquet:"upgrade_to_subscription_id"`
	UserEmailHashSHA256      string   `parquet:"user_email_hash_sha256"`
	IsInternalUser           bool     `parquet:"is_internal_user"`
	ExperienceName           string   `parquet:"experience_name,dict"`
}

func benchColumns() (names []string) {
	for _, c := range schemas.ContractColumns() {
		names = append(names, c.Name)
	}
	return names
}

func benchRowOf(e *schemas.Event) benchRow {
	instant := func(n schemas.NullMillis) *int64 {
		if !n.Valid {
			return nil
		}
		at := int64(n.Millis)
		return &at
	}
	r := benchRow{string(e.SubscriptionID), string(e.UserID), int64(e.EventTimestamp), string(e.SubscriptionAction), string(e.EventName), string(e.ResourceName),
		instant(e.NextBilledAt), string(e.BillingPeriod), string(e.TermType), string(e.TermName), nil, instant(e.TrialPeriodEndedAt), string(e.TrialDuration),
		string(e.BillingCountryCode), nil, string(e.PaymentMode), string(e.UpgradeToSubscriptionID), string(e.UserEmailHashSHA256), e.IsInternalUser, string(e.ExperienceName)}
	if e.TransactionValue.Valid {
		amount := float64(e.TransactionValue.Decimal4) / 10_000
		r.TransactionValue = &amount
	}
	if e.SubscriptionPeriodNumber.Valid {
		number := e.SubscriptionPeriodNumber.Int32
		r.SubscriptionPeriodNumber = &number
	}
	return r
}

// cells are the row as CSV.
func (r *benchRow) cells() []string {
	instant := func(at *int64) string {
		if at == nil {
			return ""
		}
		return time.UnixMilli(*at).UTC().Format(time.RFC3339Nano)
	}
	amount, number := "", ""
	if r.TransactionValue != nil {
		amount = strconv.FormatFloat(*r.TransactionValue, 'f', -1, 64)
	}
	if r.SubscriptionPeriodNumber != nil {
		number = strconv.Itoa(int(*r.SubscriptionPeriodNumber))
	}
	return []string{r.SubscriptionID, r.UserID, instant(&r.EventTimestamp), r.SubscriptionAction, r.EventName, r.ResourceName, instant(r.NextBilledAt),
		r.BillingPeriod, r.TermType, r.TermName, amount, instant(r.TrialPeriodEndedAt), r.TrialDuration, r.BillingCountryCode, number, r.PaymentMode,
		r.UpgradeToSubscriptionID, r.UserEmailHashSHA256, strconv.FormatBool(r.IsInternalUser), r.ExperienceName}
}
