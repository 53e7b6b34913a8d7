package job

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// Store reads and writes the records of jobs. It is safe for concurrent use.
type Store struct {
	deps   Deps
	tables schemas.Options
}

// Deps are the dependencies of a Store; all are required except Progress.
type Deps struct {
	Conn     driver.Conn
	Database string
	// Instance names this process in the records.
	Instance string
	// Heartbeat is the interval of heartbeats. It must be the same everywhere: a job that
	// misses some of them counts as interrupted.
	Heartbeat time.Duration
	// Grace is how long a chunk may take to become durable after the run was asked to end.
	Grace    time.Duration
	Now      func() time.Time
	Log      *zap.Logger
	Progress progress.Func // may be nil
}

// NewStore does no I/O.
func NewStore(deps Deps) *Store {
	deps.Log = deps.Log.Named("job")
	return &Store{deps: deps, tables: schemas.Options{Database: deps.Database}}
}

// DefaultHeartbeat is a small load, and an interrupted job is known as such soon.
const DefaultHeartbeat = 5 * time.Second

// missedHeartbeats is how many a process may miss before its job counts as interrupted.
const missedHeartbeats = 4

func (s *Store) maxSilence() time.Duration { return missedHeartbeats * s.deps.Heartbeat }

// The values of the column record. Each has its own writer, so that neither overwrites the
// other.
const (
	recordProgress = "progress"
	recordCancel   = "cancel"
)

// statementLimit is how long a statement is retried.
const statementLimit = time.Minute

// MaxStatement is the size in bytes of the largest statement: a plan names each of its files.
const MaxStatement = 64 << 20

// WithNames is ctx for a statement that names the files of a plan.
func WithNames(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_query_size": MaxStatement}))
}

// List returns all jobs in the order of their starts.
func (s *Store) List(ctx context.Context) ([]*Job, error) { return s.read(ctx, "") }

// Find returns one job, or ErrUnknown.
func (s *Store) Find(ctx context.Context, id string) (*Job, error) {
	all, err := s.read(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("job %s: %w", id, ErrUnknown)
	}
	return all[0], nil
}

// record is one row of replay_jobs.
type record struct {
	Job
	kind, state, source, plan, rules string
}

// read returns the jobs, or one of them.
func (s *Store) read(ctx context.Context, id string) ([]*Job, error) {
	var records []*record
	err := statement.Retry(ctx, s.deps.Log, "read replay_jobs", statementLimit, func(ctx context.Context) (err error) {
		records, err = s.records(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	var all []*Job
	canceled := map[string]bool{}
	for _, r := range records {
		if r.kind == recordCancel { // it comes before the progress of its job
			canceled[r.ID] = true
			continue
		}
		if err := json.Unmarshal([]byte(r.plan), &r.Plan); err != nil {
			return nil, fmt.Errorf("job %s: read its plan: %w", r.ID, err)
		}
		if err := json.Unmarshal([]byte(r.rules), &r.Rules); err != nil {
			return nil, fmt.Errorf("job %s: read its rules: %w", r.ID, err)
		}
		r.Source, r.State = schemas.Source(r.source), s.stateOf(State(r.state), r.age, canceled[r.ID])
		r.CancelRequested = r.State == Running && canceled[r.ID]
		all = append(all, &r.Job)
	}
	slices.SortStableFunc(all, func(a, b *Job) int { return a.StartedAt.Compare(b.StartedAt) })
	return all, nil
}

// records returns the newest row of each record, in the order of jobs. The age of a row is measured by the clock of ClickHouse, which also wrote
// it.
func (s *Store) records(ctx context.Context, id string) (all []*record, err error) {
	query := `SELECT job_id, record, source, state, plan, rules, rules_sha256, started_at, finished_at, planned, counts, problem, instance,
			written_at, dateDiff('millisecond', written_at, now64(3, 'UTC'))
		FROM ` + s.tables.Table("replay_jobs") + ` FINAL `
	if id != "" {
		query += "WHERE job_id = {id:String} "
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"id": statement.Text(id)}))
	err = statement.Each(ctx, s.deps.Conn, query+"ORDER BY job_id, record", func(row driver.Rows) error {
		r := new(record)
		var counts map[string]uint64
		var age int64
		if err := row.Scan(&r.ID, &r.kind, &r.source, &r.state, &r.plan, &r.rules, &r.RulesSHA256, &r.StartedAt, &r.FinishedAt,
			&r.Planned, &counts, &r.Problem, &r.Instance, &r.WrittenAt, &age); err != nil {
			return err
		}
		r.Counts, r.age = counts, time.Duration(age)*time.Millisecond
		all = append(all, r)
		return nil
	})
	return all, err
}

// stateOf is the state by the record, its age, and whether the job was canceled. A process
// that is alive ends itself.
func (s *Store) stateOf(written State, age time.Duration, canceled bool) State {
	if written == Running && age > s.maxSilence() {
		written = Interrupted
	}
	if canceled && written.resumable() {
		return Canceled
	}
	return written
}

// write replaces the progress record of a job. It repeats the plan, because only the last
// record stays.
func (s *Store) write(ctx context.Context, j *Job) error {
	plan, err := json.Marshal(j.Plan)
	if err != nil {
		return fmt.Errorf("job %s: write its plan: %w", j.ID, err)
	}
	rules, err := json.Marshal(j.Rules)
	if err != nil {
		return fmt.Errorf("job %s: write its rules: %w", j.ID, err)
	}
	finished := int64(0)
	if j.FinishedAt != nil {
		finished = j.FinishedAt.UnixMilli()
	}
	return s.insert(ctx, j.ID, recordProgress, string(j.Source), string(j.State), string(plan), string(rules), j.RulesSHA256,
		j.StartedAt.UnixMilli(), finished, finished, j.Planned, map[string]uint64(j.Counts), j.Problem, j.Instance)
}

// insert writes one record. ClickHouse sets the time, so that records of several machines
// are in the right order.
func (s *Store) insert(ctx context.Context, values ...any) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"async_insert": 0, "distributed_foreground_insert": 1, "max_query_size": MaxStatement,
	}))
	return migrate.Explain(s.deps.Conn.Exec(ctx, `INSERT INTO `+s.tables.Table("replay_jobs")+` (job_id, record, source, state, plan, rules, rules_sha256,
			started_at, finished_at, planned, counts, problem, instance, written_at)
		SELECT ?, ?, ?, ?, ?, ?, ?, fromUnixTimestamp64Milli(toInt64(?), 'UTC'), if(toInt64(?) = 0, NULL, fromUnixTimestamp64Milli(toInt64(?), 'UTC')),
			toUInt64(?), CAST(?, 'Map(LowCardinality(String), UInt64)'), ?, ?, now64(3, 'UTC')`, values...))
}

// persist is write with retries.
func (s *Store) persist(ctx context.Context, j *Job) error {
	return statement.Retry(ctx, s.deps.Log, "write replay_jobs", statementLimit, func(ctx context.Context) error { return s.write(ctx, j) })
}
