package segment

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/internal/statement"
)

// Run is one materialisation.
type Run struct {
	ID          uuid.UUID  `json:"run_id"`
	Segment     string     `json:"segment"`
	AsOf        time.Time  `json:"as_of"`
	Users       uint64     `json:"users"`
	WithoutUser uint64     `json:"without_user"`
	StartedAt   time.Time  `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`

	state     string
	writtenAt time.Time
}

// The states of a run.
const (
	stateBegun    = "begun"
	stateComplete = "complete"
	stateFailed   = "failed"
	stateDropped  = "dropped"
)

const (
	// keep is how many complete runs of a segment stay: a reader of the one before may
	// still be at work.
	keep = 2
	// abandoned is when a run that began counts as killed.
	abandoned = 6 * time.Hour
	// finalTimeout limits the record of a run that has failed.
	finalTimeout = 15 * time.Second
)

// record writes the state of a run.
func (s Segments) record(ctx context.Context, state string, r *Run) error {
	return s.Insert(ctx, "segment_runs", "run_id, segment, state, as_of, users, without_user, started_at, completed_at, instance, written_at", 1, func(int) []any {
		return []any{r.ID, r.Segment, state, r.AsOf, r.Users, r.WithoutUser, r.StartedAt, r.CompletedAt, s.Instance, s.Now().UTC()}
	})
}

// runs are the runs that are not dropped, of one segment or of all, the latest first.
func (s Segments) runs(ctx context.Context, segment string) ([]Run, error) {
	return store.Read(ctx, s.Store, "read segment_runs", `SELECT run_id, segment, toString(state), as_of, users, without_user, started_at, completed_at, written_at
FROM `+s.Tables.Table("segment_runs")+` FINAL
WHERE state != 'dropped' AND ({segment:String} = '' OR segment = {segment:String})
ORDER BY completed_at DESC NULLS LAST, started_at DESC, run_id`, clickhouse.Parameters{"segment": statement.Text(segment)}, func(row driver.Rows, r *Run) error {
		return row.Scan(&r.ID, &r.Segment, &r.state, &r.AsOf, &r.Users, &r.WithoutUser, &r.StartedAt, &r.CompletedAt, &r.writtenAt)
	})
}

// Latest is the latest complete run of a segment; nil without one.
func (s Segments) Latest(ctx context.Context, r Reference) (*Run, error) {
	all, err := s.runs(ctx, r.String())
	for _, one := range all {
		if one.state == stateComplete {
			return &one, err
		}
	}
	return nil, err
}

// Materialised is the latest complete run of each segment.
func (s Segments) Materialised(ctx context.Context) ([]Run, error) {
	all, err := s.runs(ctx, "")
	var latest []Run
	seen := map[string]bool{}
	for _, one := range all {
		if one.state == stateComplete && !seen[one.Segment] {
			seen[one.Segment] = true
			latest = append(latest, one)
		}
	}
	return latest, err
}

// prune drops the runs of a segment that nobody needs. The record comes last, so a process
// that is killed leaves the rest to the next.
func (s Segments) prune(ctx context.Context, segment string) error {
	all, err := s.runs(ctx, segment)
	if err != nil {
		return err
	}
	complete := 0
	for _, one := range all {
		switch one.state {
		case stateComplete:
			if complete++; complete <= keep {
				continue
			}
		case stateBegun:
			if s.Now().Sub(one.writtenAt) < abandoned {
				continue
			}
		}
		if err := s.Drop(ctx, "segment_members", one.ID); err != nil {
			return fmt.Errorf("run %s: %w", one.ID, err)
		}
		if err := s.record(ctx, stateDropped, &one); err != nil {
			return err
		}
	}
	return nil
}
