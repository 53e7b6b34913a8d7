package experiment

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/internal/statement"
)

// Assignment is what an assignment does, or would do.
type Assignment struct {
	Experiment string    `json:"experiment_id"`
	Segment    string    `json:"segment"`
	RunID      uuid.UUID `json:"run_id"`
	AsOf       time.Time `json:"as_of"` // of the run
	Arms       []ArmSize `json:"arms"`
	Executed   bool      `json:"executed"`
}

// ArmSize is how many users an arm has.
type ArmSize struct {
	Arm     string `json:"arm"`
	Before  uint64 `json:"before"`
	Added   uint64 `json:"added"`
	Planned uint64 `json:"planned"`
}

// firstWins is the base of the column precedence.
const firstWins = uint64(1) << 63

// Assign gives an arm to each user of the latest run of the segment who does not have one. Without
// execute it only counts. A user with an arm keeps it, in the segment or not.
func (x Experiments) Assign(ctx context.Context, id string, execute bool) (*Assignment, error) {
	ctx, err := x.Bind(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the suppression list: %w", err)
	}
	e, err := x.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	reference, err := segment.Parse(e.Segment)
	if err != nil {
		return nil, fmt.Errorf("experiment %s: this version does not have its segment: %w", e.ID, err)
	}
	run, err := x.Segments.Latest(ctx, reference)
	if err != nil {
		return nil, err
	}
	if run == nil {
		return nil, fmt.Errorf("%s: %w", e.Segment, ErrNoRun)
	}
	a := &Assignment{Experiment: e.ID, Segment: e.Segment, RunID: run.ID, AsOf: run.AsOf, Executed: execute, Arms: make([]ArmSize, len(e.Arms))}
	place := map[string]int{}
	for i, arm := range e.Arms {
		a.Arms[i], place[arm.Name] = ArmSize{Arm: arm.Name, Planned: arm.Planned}, i
	}
	assigned, err := x.sizes(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	for _, s := range assigned {
		i, ok := place[s.arm]
		if !ok {
			return nil, fmt.Errorf("experiment %s: users have an arm that it does not have; another program wrote into experiment_assignments", e.ID)
		}
		a.Arms[i].Before = s.users
	}
	added, err := x.unassigned(ctx, e.ID, run.ID)
	if err != nil {
		return nil, err
	}
	at := x.Now().UTC().Truncate(time.Millisecond)
	users, arms := make([]string, 0, len(added)), make([]int, 0, len(added))
	for _, user := range added {
		if !x.Erased("", user) {
			arm := e.ArmOf(user)
			users, arms = append(users, user), append(arms, arm)
			a.Arms[arm].Added++
		}
	}
	if !execute {
		return a, nil
	}
	return a, x.Insert(ctx, "experiment_assignments", "experiment_id, user_id, arm, assigned_at, run_id, precedence", len(users), func(i int) []any {
		return []any{e.ID, users[i], e.Arms[arms[i]].Name, at, run.ID, firstWins - uint64(at.UnixMilli())}
	})
}

type armUsers struct {
	arm   string
	users uint64
}

// sizes are the numbers of users of the arms that have some.
func (x Experiments) sizes(ctx context.Context, id string) ([]armUsers, error) {
	return store.Read(ctx, x.Store, "count the assignments", "SELECT toString(arm), count() FROM "+x.Tables.Table("experiment_assignments")+
		" FINAL WHERE experiment_id = {id:String} GROUP BY arm", clickhouse.Parameters{"id": statement.Text(id)}, func(row driver.Rows, s *armUsers) error {
		return row.Scan(&s.arm, &s.users)
	})
}

// unassigned are the users of a run without an arm.
func (x Experiments) unassigned(ctx context.Context, id string, run uuid.UUID) ([]string, error) {
	return store.Read(ctx, x.Store, "read the users without an arm", "SELECT DISTINCT user_id FROM "+x.Tables.Table("segment_members")+
		" WHERE run_id = {run:UUID} AND user_id GLOBAL NOT IN (SELECT user_id FROM "+x.Tables.Table("experiment_assignments")+" WHERE experiment_id = {id:String}) ORDER BY user_id",
		clickhouse.Parameters{"id": statement.Text(id), "run": run.String()}, func(row driver.Rows, user *string) error { return row.Scan(user) })
}

// User is an assigned user.
type User struct {
	UserID     string    `json:"user_id"`
	Arm        string    `json:"arm"`
	AssignedAt time.Time `json:"assigned_at"`
}

// Users are the assigned users, of one arm or of all, by their id.
func (x Experiments) Users(ctx context.Context, id, arm string) ([]User, error) {
	e, err := x.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if arm != "" && !slices.ContainsFunc(e.Arms, func(a Arm) bool { return a.Name == arm }) {
		return nil, fmt.Errorf("experiment %s has no such arm", e.ID)
	}
	return store.Read(ctx, x.Store, "read the assigned users", "SELECT user_id, toString(arm), assigned_at FROM "+x.Tables.Table("experiment_assignments")+
		" FINAL WHERE experiment_id = {id:String} AND ({arm:String} = '' OR arm = {arm:String}) ORDER BY user_id",
		clickhouse.Parameters{"id": statement.Text(e.ID), "arm": statement.Text(arm)}, func(row driver.Rows, u *User) error {
			return row.Scan(&u.UserID, &u.Arm, &u.AssignedAt)
		})
}
