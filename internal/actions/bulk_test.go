package actions_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
)

func TestBulk_ContinuesWhereItStopped(t *testing.T) {
	d := newDesk(t)
	action := actions.Action{Kind: actions.GrantAccess, ResourceID: "R2"}
	items, err := actions.ParseUsers("u1, "+canaryMail+"\n# a comment\nu2\nnobody@example.org;u1\n", action)
	d.must(err)
	if len(items) != 4 || items[1].Email.Empty() || strings.Contains(items[1].Key, "@") || items[3].Line != 4 {
		t.Fatalf("%+v", items)
	}
	job := actions.JobID("", []string{"grant", "R2"})
	if job == actions.JobID("again", []string{"grant", "R2"}) || job == actions.JobID("", []string{"grant", "R3"}) {
		t.Error("another job has the same id")
	}
	run := func(ctx context.Context, execute bool, stopAfter int) (lines []actions.Line, err error) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		err = d.process().Bulk(ctx, job, items, "test", execute, func(l actions.Line) {
			if lines = append(lines, l); len(lines) == stopAfter {
				stop()
			}
		})
		return lines, err
	}
	lines, err := run(t.Context(), false, 0)
	if err != nil || len(lines) != 4 || lines[0].Outcome != actions.Planned || lines[2].Outcome != actions.Refused || lines[3].Outcome != actions.Refused || d.changes() != 0 {
		t.Fatalf("the plan: %+v, %v", lines, err)
	}
	lines, err = run(t.Context(), true, 1)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "after 1 of 4 lines") || lines[0].Outcome != actions.Done || d.changes() != 1 {
		t.Fatalf("interrupted: %+v, %v", lines, err)
	}
	// u1 and the address are the same user: the second finds the access of the first.
	for again := range 2 {
		lines, err = run(t.Context(), true, 0)
		if err != nil || len(lines) != 4 || !lines[0].Repeated || lines[0].Outcome != actions.Done || lines[1].Outcome != actions.Done || lines[1].UserID != "u1" ||
			!strings.Contains(lines[2].Why, "no such user") || !strings.Contains(lines[3].Why, "no user with this e-mail") || d.changes() != 1 {
			t.Errorf("again %d: %+v, %v, sent %v", again, lines, err, d.sent)
		}
	}
	var jobs string
	d.must(d.conn.QueryRow(t.Context(), "SELECT toString((uniq(job), any(job))) FROM "+d.tables.Table("actions_log")+" WHERE step = 'final'").Scan(&jobs))
	if jobs != "(1,'"+job+"')" {
		t.Errorf("jobs %s", jobs)
	}
	d.noCanaries(lines, items[1])
}

func TestBulk_TriesAFailedLineAgainAndNoLostOne(t *testing.T) {
	d := newDesk(t)
	items := []actions.Item{{Line: 1, Key: "S1", Action: actions.Action{Kind: actions.NextBillDate, SubscriptionID: "S1", Months: 1}}}
	before := d.sub["next_bill_date"].(int64)
	run := func() actions.Line {
		var line actions.Line
		_ = d.process().Bulk(t.Context(), "job", items, "test", true, func(l actions.Line) { line = l })
		return line
	}
	d.fault = func(string) faultKind { return lostBefore }
	if l := run(); l.Outcome != actions.Unknown || d.changes() != 1 {
		t.Errorf("lost: %+v", l)
	}
	d.fault = nil
	if l := run(); l.Outcome != actions.Unknown || !l.Repeated || d.changes() != 1 || d.sub["next_bill_date"] != before {
		t.Errorf("again after a lost answer: %+v", l)
	}
	items[0].Key = "another"
	d.features["allow_change_next_bill_date"] = true
	if l := run(); l.Outcome != actions.Done || d.changes() != 2 {
		t.Errorf("another key: %+v", l)
	}
	if l := run(); l.Outcome != actions.Done || !l.Repeated || d.changes() != 2 {
		t.Errorf("done, again: %+v", l)
	}
}

func TestBulk_StopsWhereEveryLineWouldFail(t *testing.T) {
	d := newDesk(t)
	c := piano.Defaults()
	c.BaseURL, c.AID, c.Token, c.Rate, c.Retry.Attempts = "http://127.0.0.1:1", "app", "canary-token", 10_000, 1
	api, err := piano.New(c, nil, zapNop(), piano.Hooks{})
	d.must(err)
	defer api.Close()
	gone := d.over(api)
	var items []actions.Item
	for i := range 20 {
		items = append(items, actions.Item{Line: i + 1, Key: strings.Repeat("x", i+1), Action: actions.Action{Kind: actions.CancelNow, SubscriptionID: "S1"}})
	}
	lines := 0
	err = gone.Bulk(t.Context(), "job", items, "test", false, func(l actions.Line) {
		if lines++; l.Outcome != actions.Failed {
			t.Errorf("%+v", l)
		}
	})
	if err == nil || lines != 5 || !strings.Contains(err.Error(), "stopped after 5 of 20 lines") {
		t.Errorf("%v after %d lines", err, lines)
	}
}

func TestParseUsers_ShowsNothingOfAMistake(t *testing.T) {
	for _, text := range []string{"", "# nothing\n\n", "u1\nkari canary@example.org\n", strings.Repeat("x", 501), "@\n"} {
		if items, err := actions.ParseUsers(text, actions.Action{}); !errors.Is(err, actions.ErrAction) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v, %v", text, items, err)
		}
	}
	items, err := actions.ParseUsers("\ufeffu1\r\n\"u2\"\r\n", actions.Action{})
	if err != nil || len(items) != 2 || items[0].Action.UserID != "u1" || items[1].Action.UserID != "u2" {
		t.Errorf("%+v, %v", items, err)
	}
}
