package job

import (
	"context"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
)

// Cancel asks for the end of a job. A running process ends after its chunk; otherwise the
// job is canceled at once. It returns the job as it was.
func (s *Store) Cancel(ctx context.Context, id string) (*Job, error) {
	j, err := s.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if j.State == Running || j.State.resumable() {
		err = statement.Retry(ctx, s.deps.Log, "write replay_jobs", statementLimit, func(ctx context.Context) error {
			return s.insert(ctx, id, recordCancel, string(j.Source), string(Canceled), "", "", "", j.StartedAt.UnixMilli(), 0, 0, 0,
				map[string]uint64{}, "", s.deps.Instance)
		})
	}
	if err == nil && j.State != Running {
		err = s.dropClaims(ctx, id)
	}
	return j, err
}

// dropClaims removes the working table of a job. It looks first, because most jobs have
// none and dropping needs a privilege.
func (s *Store) dropClaims(ctx context.Context, id string) error {
	left, err := s.withClaims(ctx, []string{id})
	if err != nil || len(left) == 0 {
		return err
	}
	return statement.Retry(ctx, s.deps.Log, "drop the claims of a job", statementLimit, func(ctx context.Context) error {
		return migrate.Explain(s.deps.Conn.Exec(ctx, s.tables.DropPartition("replay_claims", "'"+id+"'")))
	})
}

// withClaims are those of the jobs that have claims. An id has no quotes.
func (s *Store) withClaims(ctx context.Context, ids []string) (left []string, err error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"ids": "['" + strings.Join(ids, "', '") + "']"}))
	err = statement.Retry(ctx, s.deps.Log, "read replay_claims", statementLimit, func(ctx context.Context) error {
		left = nil
		return statement.Each(ctx, s.deps.Conn, "SELECT DISTINCT job_id FROM "+s.tables.Table("replay_claims")+" WHERE job_id IN {ids:Array(String)}", func(row driver.Rows) error {
			var id string
			if err := row.Scan(&id); err != nil {
				return err
			}
			left = append(left, id)
			return nil
		})
	})
	return left, err
}

// sweep drops the claims that jobs have left behind which have ended for good: a process
// that was canceled and killed drops nothing. It is no part of the job that starts, so a
// failure is only logged.
func (s *Store) sweep(ctx context.Context) {
	all, err := s.List(ctx)
	if err != nil {
		s.deps.Log.Warn("claims of ended jobs not looked for", zap.Error(err))
		return
	}
	all = slices.DeleteFunc(all, func(j *Job) bool { return j.State == Running || j.State.resumable() })
	ids := make([]string, len(all))
	for i, j := range all {
		ids[i] = j.ID
	}
	left, err := s.withClaims(ctx, ids)
	for _, id := range left {
		if err == nil {
			err = s.dropClaims(ctx, id)
		}
	}
	if err != nil {
		s.deps.Log.Warn("claims of ended jobs not dropped", zap.Error(err))
	}
}
