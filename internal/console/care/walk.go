package care

import (
	"context"

	"github.com/pianola/pianola/internal/console/figures"
)

const (
	walkStep = 2 * pageSize // subscriptions
	maxSteps = 10           // of one page; the next page continues
)

// walk reads a page of all users in the order of their first subscriptions, which is the
// order of the table. next is the
// subscription after which the next page begins; empty on the last one.
func (p pages) walk(ctx context.Context, after string) (rows []row, next string, err error) {
	for range maxSteps {
		t, err := p.Figures.Table(ctx, figures.Query{Keep: listKeep, Params: map[string]string{"walked": after},
			SQL: "SELECT subscription_id, user_id FROM subscriptions FINAL WHERE subscription_id > {walked:String} ORDER BY subscription_id LIMIT 50"})
		if err != nil {
			return nil, "", err
		}
		var users []string
		for i := range t.Rows {
			if user := t.Text(i, 1); user != "" {
				users = append(users, user)
			}
		}
		found, err := p.rowsOf(ctx, users)
		if err != nil {
			return nil, "", err
		}
		byFirst := map[string]row{}
		for _, one := range found {
			byFirst[one.First] = one
		}
		for i := range t.Rows {
			one, isFirst := byFirst[t.Text(i, 0)]
			switch {
			case isFirst && one.ID != "" && len(rows) == pageSize:
				return rows, rows[pageSize-1].First, nil
			case isFirst && one.ID != "":
				rows = append(rows, one)
			}
			after = t.Text(i, 0)
		}
		if len(t.Rows) < walkStep {
			return rows, "", nil
		}
	}
	return rows, after, nil
}
