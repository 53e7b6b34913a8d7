package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// Config is how exports behave.
type Config struct {
	// Overlap is how far an incremental export goes back before the watermark of the one
	// before it.
	Overlap time.Duration
}

// Defaults returns the defaults.
func Defaults() Config { return Config{Overlap: 15 * time.Minute} }

// Validate reports every mistake with its key.
func (c Config) Validate() error {
	if c.Overlap < 0 || c.Overlap > 7*24*time.Hour {
		return errors.New("export.overlap: is not between 0 and 168h")
	}
	return nil
}

// Deps are the dependencies of an Exporter.
type Deps struct {
	// Conn is a connection over HTTP, where the server makes the files. It stays open.
	Conn     driver.Conn
	Tables   schemas.Options
	Stdout   io.Writer  // of requests to standard output
	Bucket   OpenBucket // may be nil: then exports to buckets fail
	Now      func() time.Time
	Log      *zap.Logger
	Progress progress.Func // may be nil
}

// Exporter exports views. It is safe for concurrent use.
type Exporter struct {
	config Config
	conn   driver.Conn
	tables schemas.Options
	stdout io.Writer
	bucket OpenBucket
	now    func() time.Time
	log    *zap.Logger
	report progress.Func
	bytes  func(uint64)
}

// New builds an Exporter. It opens no connection.
func New(c Config, d Deps) (*Exporter, error) {
	if err := errors.Join(c.Validate(), d.Tables.Validate()); err != nil {
		return nil, err
	}
	if d.Bucket == nil {
		d.Bucket = noBuckets
	}
	return &Exporter{config: c, conn: d.Conn, tables: d.Tables, stdout: d.Stdout, bucket: d.Bucket, now: d.Now, log: d.Log.Named("export"), report: d.Progress,
		bytes: func(uint64) {}}, nil
}

// Latest returns the newest manifest of a request's chain, or nil. It changes nothing.
func (e *Exporter) Latest(ctx context.Context, r Request) (*Manifest, error) {
	from, err := e.reader(ctx, r.to)
	if err != nil {
		return nil, err
	}
	defer from.Discard()
	return r.latest(ctx, from, e.tables.Database, e.now())
}

// Run exports once. After an error the destination has no file of this export, and an
// earlier manifest stays the newest. A result with NothingExported is a finding, and has no
// files either.
func (e *Exporter) Run(ctx context.Context, r Request) (*Manifest, error) {
	started := e.now()
	id := newID(started)
	e.report.Report(progress.Step{Name: "connect to ClickHouse"})
	columns, err := e.columns(ctx, r.View)
	if err != nil {
		return nil, err
	}
	settings, err := e.supported(ctx, r.Format.settings())
	if err != nil {
		return nil, err
	}
	to, err := e.open(ctx, r.to, r.manifestName(id))
	if err != nil {
		return nil, err
	}
	defer to.Discard()

	m := &Manifest{
		Version: manifestVersion, Name: r.manifestName(id), To: r.To(), ID: id, Database: e.tables.Database, View: r.View.Name, Format: r.Format,
		StartedAt: Instant(started), Columns: columns, Key: r.View.key, Deletions: []File{}, Files: []File{},
	}
	if r.Month != 0 {
		m.Month = r.Month.String()
	}
	if r.ByMonth {
		m.PartitionBy = "month"
	}
	if r.View.partition != "" {
		m.Partition = &TimeColumn{Name: r.View.partition}
	}
	if r.View.sync != "" {
		m.Sync = &TimeColumn{Name: r.View.sync}
	}
	span, err := e.begin(ctx, r, to, m)
	if err != nil {
		return nil, err
	}
	run := &run{Exporter: *e, request: r, id: id, to: to, settings: settings, span: span, manifest: m}
	counter := e.report.Count("export "+r.View.Alias, "MiB", 0)
	var rest uint64
	run.bytes = func(n uint64) {
		rest += n
		counter.Add(rest >> 20)
		rest &= 1<<20 - 1
	}
	if err := run.files(ctx); err != nil {
		return nil, err
	}
	if m.Rows == 0 && m.Deleted == 0 {
		if m.NothingExported, err = e.suspect(ctx, r, m.Watermark.Time()); err != nil || m.NothingExported != "" {
			m.Files = []File{}
			return m, err
		}
	}
	m.FinishedAt = Instant(e.now())
	text, err := m.text()
	if err != nil {
		return nil, err
	}
	return m, to.Publish(ctx, m.Name, text)
}

// begin sets the watermark, and finds where an incremental export begins.
func (e *Exporter) begin(ctx context.Context, r Request, to Destination, m *Manifest) (span interval, err error) {
	var previous *Manifest
	if r.Since.Last {
		if previous, err = r.latest(ctx, to, e.tables.Database, e.now()); err != nil {
			return interval{}, err
		}
	}
	watermark, err := e.serverTime(ctx)
	if err != nil {
		return interval{}, err
	}
	m.Watermark = Instant(watermark)
	switch {
	case previous != nil:
		if span, err = e.sinceLast(ctx, previous.Watermark.Time(), watermark); err != nil {
			return interval{}, err
		}
		m.Since = &Earlier{After: new(Instant(span.after)), Previous: previous.Name}
	case !r.Since.Time.IsZero():
		span.from = r.Since.Time
		m.Since = &Earlier{From: new(Instant(r.Since.Time))}
	}
	return span, nil
}

// run is one export.
type run struct {
	Exporter
	request  Request
	id       string
	to       Destination
	settings clickhouse.Settings
	span     interval
	manifest *Manifest
}

// files writes the deletions and then the rows. A consumer applies them in this order: an
// event that leaves or comes between the two queries is right after the next export.
func (r *run) files(ctx context.Context) error {
	months := []Month{r.request.Month}
	if r.request.ByMonth {
		var err error
		if months, err = r.months(ctx); err != nil {
			return err
		}
	}
	if r.span != (interval{}) {
		if err := r.deletions(ctx, months); err != nil {
			return err
		}
	}
	for _, month := range months {
		f, err := r.write(ctx, r.to, selectFile{
			name: fileName(r.request.View, r.id, month, false, r.request.Format), format: r.request.Format, columns: r.manifest.Columns, month: month,
			query: "SELECT " + selection(r.manifest.Columns) + " FROM " + r.tables.Table(r.request.View.Name) + where(month, r.span),
		}, r.settings, !r.request.ByMonth && r.span == (interval{}))
		if err != nil {
			return err
		}
		if f.Name != "" {
			r.manifest.add(f, false)
		}
	}
	return nil
}

// where is the condition of a month and an interval; zero values do not restrict.
func where(month Month, span interval, more ...string) string {
	conditions := more
	if month != 0 {
		conditions = append(conditions, fmt.Sprintf("toYYYYMM(%s) = %d", partitionColumn, month))
	}
	if one := span.condition(); one != "" {
		conditions = append(conditions, one)
	}
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

// months are those that may have rows, also rows that the view hides.
func (r *run) months(ctx context.Context) ([]Month, error) {
	var all []Month
	err := statement.Each(ctx, r.conn, "SELECT DISTINCT toYYYYMM("+partitionColumn+") AS month FROM "+r.tables.Table("subscription_events")+
		where(r.request.Month, r.span)+" ORDER BY month",
		func(rows driver.Rows) error {
			var month uint32
			if err := rows.Scan(&month); err != nil {
				return err
			}
			all = append(all, Month(month))
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("look for months: %w", err)
	}
	return all, nil
}

// deletions writes the keys of events that have left the stream.
func (r *run) deletions(ctx context.Context, months []Month) error {
	events := r.tables.Table("subscription_events")
	var markers uint64
	if err := r.conn.QueryRow(ctx, "SELECT count() FROM "+events+where(r.request.Month, r.span, "is_deleted")).Scan(&markers); err != nil {
		return fmt.Errorf("look for deletions: %w", migrate.Explain(err))
	}
	if markers == 0 {
		return nil
	}
	if r.request.to.stream {
		r.log.Warn(LogDeletionsLeftOut, zap.Uint64("markers", markers))
		return nil
	}
	for _, month := range months {
		f, err := r.write(ctx, r.to, selectFile{
			name: fileName(r.request.View, r.id, month, true, r.request.Format), format: r.request.Format, columns: deletionColumns(r.manifest.Columns), month: month,
			query: deletionQuery(events, month, r.span),
		}, r.settings, false)
		if err != nil {
			return err
		}
		if f.Name != "" {
			r.manifest.add(f, true)
		}
	}
	return nil
}

// LogDeletionsLeftOut is logged when standard output cannot have the deletions.
const LogDeletionsLeftOut = "events have left the stream, and standard output cannot say which; export to a directory or a bucket"

// deletionColumns are the key and the sync timestamp.
func deletionColumns(columns []Column) []Column {
	var some []Column
	for _, c := range columns {
		switch c.Name {
		case "subscription_id", partitionColumn, "subscription_action", syncColumn:
			some = append(some, c)
		}
	}
	return some
}

// deletionQuery finds the markers of an interval whose event the stream does not show. A
// marker gives way to a higher version of its event, so it does not always hide it.
func deletionQuery(events string, month Month, span interval) string {
	markers := where(month, span, "is_deleted")
	shown := "SELECT event_id FROM " + events + " FINAL" + where(month, interval{}, "event_id GLOBAL IN (SELECT event_id FROM "+events+markers+")") +
		" SETTINGS do_not_merge_across_partitions_select_final = 1"
	return "SELECT subscription_id, " + partitionColumn + ", subscription_action, max(marked_at) AS " + syncColumn +
		" FROM (SELECT subscription_id, " + partitionColumn + ", subscription_action, " + syncColumn + " AS marked_at FROM " + events + markers +
		" AND event_id GLOBAL NOT IN (" + shown + ")) GROUP BY subscription_id, " + partitionColumn + ", subscription_action"
}

// maxSkew is how far a writer's clock may be behind the server's in suspect.
const maxSkew = time.Minute

// suspect says why an export without rows cannot be right; empty where it can. Other tables
// say whether the view should have rows. What they say of the time after the watermark came
// too late for this export. An incremental export without rows is right as long as the view
// has some: what came may be older deliveries of events that are there.
func (e *Exporter) suspect(ctx context.Context, r Request, watermark time.Time) (string, error) {
	query := r.View.evidenceQuery(e.tables)
	if query == "" || r.Month != 0 {
		return "", nil
	}
	query += " AND written_at <= " + literal(watermark.Add(-min(maxSkew, e.config.Overlap)))
	var found, shown uint64
	if err := e.conn.QueryRow(ctx, "SELECT ("+query+"), (SELECT count() FROM (SELECT 1 FROM "+e.tables.Table(r.View.Name)+" LIMIT 1))").Scan(&found, &shown); err != nil {
		return "", fmt.Errorf("look for what should have been exported: %w", migrate.Explain(err))
	}
	if found == 0 || shown > 0 {
		return "", nil
	}
	if r.View.evidence == storedEvents {
		return "the ledger counts stored events, and the view shows none; check the database, row policies of the user, and what was deleted", nil
	}
	return "a complete snapshot has rows, and the view shows none; check the database, row policies of the user, and the internal-user lists", nil
}
