package erasure

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/wait"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// maxRounds is how often rows are deleted again that came in between.
const maxRounds = 5

// LogStep is logged after each step of an erasure.
const LogStep = "erasure step done"

// The steps, in their order.
const (
	StepTargets  = "targets written"
	StepListed   = "suppression list extended"
	StepWaited   = "bound passed"
	StepDeleted  = "rows deleted"
	StepVerified = "tables scanned"
	StepRecorded = "account written"
	StepDropped  = "targets dropped"
)

// errRemains reports rows that came back after every deletion.
var errRemains = errors.New("rows came back after each deletion; a process that writes does not obey the suppression list: stop it, and repeat the command")

// Deps are the dependencies of an Eraser.
type Deps struct {
	Conn     driver.Conn // reads wait long: mutations rewrite tables
	Database string
	// Keys are those of the suppression list; needed for a person. New entries have the first.
	Keys []*transform.SuppressionKey
	// Bound is after what time every process obeys a new entry.
	Bound    time.Duration
	Instance string
	Now      func() time.Time
	Log      *zap.Logger
	Progress progress.Func
	// OnStep is called after each step with its name; an error ends the erasure there. It may be nil.
	OnStep func(step string) error
}

// Eraser erases. One goroutine uses it.
type Eraser struct {
	deps   Deps
	tables schemas.Options
	rules  []tableRule
	owners []string
}

// New derives from the schema what an erasure has to do.
func New(d Deps) (*Eraser, error) {
	rules, err := rulesOf()
	if err != nil {
		return nil, err
	}
	if d.OnStep == nil {
		d.OnStep = func(string) error { return nil }
	}
	e := &Eraser{deps: d, tables: schemas.Options{Database: d.Database}, rules: rules}
	for _, r := range rules {
		has := func(name string) bool {
			return slices.ContainsFunc(r.deletes, func(c column) bool { return c.Name == name })
		}
		if has("user_id") && has("subscription_id") {
			e.owners = append(e.owners, r.name)
		}
	}
	return e, nil
}

// Report is the outcome of an erasure.
type Report struct {
	ID      string            `json:"erasure_id"`
	Counts  map[string]uint64 `json:"rows_by_table"`
	Entries int               `json:"suppression_entries"`
	Rounds  int               `json:"rounds"`
}

// Execute erases what a plan has found.
func (e *Eraser) Execute(ctx context.Context, p *Plan, by Account) (*Report, error) {
	if p.kind == kindPerson && len(e.deps.Keys) == 0 {
		return nil, errors.New("erase: no key of the suppression list is set")
	}
	r := &Report{ID: p.Resumes, Counts: map[string]uint64{}}
	started := e.deps.Now().UTC()
	if r.ID == "" {
		r.ID = strings.ToLower(started.Format("20060102t150405") + "-" + rand.Text()[:4])
	}
	record := account{id: r.ID, kind: p.kind, by: by, started: started}
	if err := e.before(ctx, &record, r.Counts); err != nil {
		return nil, err
	}
	in := byTargetsOf(e.tables.Table("erasure_targets"), r.ID)
	for r.Rounds = 1; ; r.Rounds++ {
		if err := e.prepare(ctx, p, r, &record); err != nil {
			return nil, err
		}
		if err := e.delete(ctx, p, in, r, &record); err != nil {
			return nil, err
		}
		if err := e.step(StepDeleted); err != nil {
			return nil, err
		}
		// What came in between may lead to further subscriptions.
		known := len(p.found[Subscription]) + len(p.found[Address])
		if p.kind == kindPerson {
			f := &finder{conn: e.deps.Conn, tables: e.tables, owners: e.owners, found: p.found, shared: values{}}
			if err := f.find(ctx); err != nil {
				return nil, fmt.Errorf("find what belongs to the person: %w", migrate.Explain(err))
			}
		}
		left := &Plan{kind: p.kind, found: p.found}
		if err := e.count(ctx, left, in, nil); err != nil {
			return nil, err
		}
		if err := e.step(StepVerified); err != nil {
			return nil, err
		}
		if left.Rows() == 0 && known == len(p.found[Subscription])+len(p.found[Address]) {
			break
		}
		if r.Rounds == maxRounds {
			return nil, errRemains
		}
		e.deps.Log.Warn("rows of the subject came in between, deleting again", zap.Uint64("rows", left.Rows()))
	}
	record.counts, record.entries = r.Counts, r.Entries
	completed := e.deps.Now().UTC()
	record.completed = &completed
	if err := e.record(ctx, record); err != nil {
		return nil, err
	}
	if err := e.step(StepRecorded); err != nil {
		return nil, err
	}
	if err := e.exec(ctx, "drop the targets", e.tables.DropPartition("erasure_targets", "'"+r.ID+"'")); err != nil {
		return nil, err
	}
	return r, e.step(StepDropped)
}

// prepare writes the targets and the list, and waits until the list is in force. A round
// that has nothing new does not wait again.
func (e *Eraser) prepare(ctx context.Context, p *Plan, r *Report, record *account) error {
	fresh, err := e.writeTargets(ctx, r.ID, p)
	if err != nil {
		return err
	}
	if r.Rounds == 1 {
		record.counts = r.Counts
		if err := e.record(ctx, *record); err != nil {
			return err
		}
	}
	if err := e.step(StepTargets); err != nil {
		return err
	}
	if p.kind == kindInternal {
		if err := e.hide(ctx, r.ID); err != nil {
			return err
		}
		return e.step(StepListed)
	}
	if r.Entries, err = e.list(ctx, p, r.ID); err != nil {
		return err
	}
	if err := e.step(StepListed); err != nil {
		return err
	}
	if r.Rounds == 1 || fresh {
		e.deps.Progress.Report(progress.Step{Name: "wait until every process obeys the suppression list", Until: e.deps.Now().Add(e.deps.Bound)})
		if err := wait.For(ctx, e.deps.Bound); err != nil {
			return fmt.Errorf("%w; the person is on the suppression list and not erased yet: repeat the command", err)
		}
	}
	return e.step(StepWaited)
}

func (e *Eraser) step(name string) error {
	e.deps.Log.Info(LogStep, zap.String("phase", name))
	return e.deps.OnStep(name)
}
