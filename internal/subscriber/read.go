package subscriber

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/schemas"
)

// latestSnapshot selects the rows of the snapshot that piano_api_subscriptions shows.
func latestSnapshot(o schemas.Options) string {
	return "snapshot_id IN (" + o.LatestSnapshot() + ")"
}

func (r *Reader) readTime(ctx context.Context, f *found) error {
	return r.each(ctx, "SELECT now64(3, 'UTC')", nil, func(row driver.Rows) error { return row.Scan(&f.asOf) })
}

func (r *Reader) readState(ctx context.Context, f *found) error {
	asOf := fmt.Sprintf("fromUnixTimestamp64Milli(%d, 'UTC')", f.asOf.UnixMilli())
	state, err := schemas.StateQuery(r.options, asOf, selectedIDs)
	if err != nil {
		return err
	}
	return r.each(ctx, `SELECT subscription_id, user_id, status, closed, autorenew, autorenew_disabled_at, in_trial, trial_ends_at,
		failed_payments, failed_since, current_period_ends_at, started_at, ended_at, end_reason, term_type, billing_period, price,
		change_pending, change_to_subscription_id, overdue, partial FROM (`+state+`)`, f.selected(), func(row driver.Rows) error {
		var id, user string
		s := &State{}
		err := row.Scan(&id, &user, &s.Status, &s.Closed, &s.AutoRenew, &s.AutoRenewDisabledAt, &s.InTrial, &s.TrialEndsAt,
			&s.FailedPayments, &s.FailedSince, &s.PeriodEndsAt, &s.StartedAt, &s.EndedAt, &s.EndReason, &s.TermType, &s.BillingPeriod, &s.Price,
			&s.ChangePending, &s.ChangeTo, &s.Overdue, &s.Partial)
		if err != nil {
			return err
		}
		one := f.byID[id]
		one.UserID, one.State = user, s
		return nil
	})
}

func (r *Reader) readAPI(ctx context.Context, f *found) error {
	return r.each(ctx, `SELECT subscription_id, user_id, r.as_of, subscription_status, autorenew, next_bill_at, regular_price, currency, term_type, filtered
		FROM `+r.snapshots()+` AS s FINAL INNER JOIN (SELECT snapshot_id, as_of FROM `+r.options.Table("snapshot_runs")+` FINAL WHERE `+latestSnapshot(r.options)+`) AS r USING snapshot_id
		WHERE NOT unreadable AND `+latestSnapshot(r.options)+` AND `+selectedIDs, f.selected(), func(row driver.Rows) error {
		var id, user string
		a := &API{}
		if err := row.Scan(&id, &user, &a.AsOf, &a.Status, &a.AutoRenew, &a.NextBillAt, &a.RegularPrice, &a.Currency, &a.TermType, &a.Filtered); err != nil {
			return err
		}
		one := f.byID[id]
		if one.UserID == "" {
			one.UserID = user
		}
		one.API = a
		return nil
	})
}

// readEvents reads the timelines in the documented order: at one instant, actions have
// the order in which the state applies them.
func (r *Reader) readEvents(ctx context.Context, f *found) error {
	return r.each(ctx, `SELECT subscription_id, event_timestamp, subscription_action, event_name, transaction_value, next_billed_at,
		trial_period_ended_at, term_name, upgrade_to_subscription_id, source, source_name, source_epoch, source_partition, source_offset, synced_at
		FROM `+r.events()+` FINAL WHERE `+selectedIDs+`
		ORDER BY subscription_id, event_timestamp, `+schemas.ActionRank()+`, event_id`, f.selected(), func(row driver.Rows) error {
		var id string
		var e Event
		var at schemas.Coordinates
		var source string
		err := row.Scan(&id, &e.At, &e.Action, &e.Name, &e.Value, &e.NextBilledAt, &e.TrialEndsAt, &e.TermName, &e.ChangeTo,
			&source, &at.Name, &at.Epoch, &at.Partition, &at.Offset, &e.SyncedAt)
		if err != nil {
			return err
		}
		e.Source = at.String()
		one := f.byID[id]
		one.Timeline = append(one.Timeline, e)
		switch e.Action {
		case schemas.PaymentFailed:
			f.retry[id] = e.NextBilledAt
		default:
			delete(f.retry, id)
		}
		return nil
	})
}

func (r *Reader) readDrift(ctx context.Context, f *found) error {
	return r.each(ctx, `SELECT subscription_id, kind, severity, stream_value, api_value, first_seen_at FROM `+r.options.Table("drift")+` FINAL
		WHERE closed_at IS NULL AND `+selectedIDs+` ORDER BY subscription_id, severity, kind`, f.selected(), func(row driver.Rows) error {
		var id string
		var d Disagreement
		if err := row.Scan(&id, &d.Kind, &d.Severity, &d.Stream, &d.API, &d.Since); err != nil {
			return err
		}
		f.byID[id].Disagreements = append(f.byID[id].Disagreements, d)
		return nil
	})
}

// readMarks finds open dead letters, and whether the newest delivery was an internal
// user's: that is what the view internal_subscriptions says, for these subscriptions only.
func (r *Reader) readMarks(ctx context.Context, f *found) error {
	return r.each(ctx, `SELECT subscription_id, toUInt8(1) AS kind FROM `+r.options.Table("dead_letters")+` FINAL
			WHERE resolved_at IS NULL AND assumeNotNull(subscription_id) IN {ids:Array(String)} AND subscription_id IS NOT NULL GROUP BY subscription_id
		UNION ALL
		SELECT subscription_id, toUInt8(2) AS kind FROM
		(
			SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered FROM `+r.options.Table("filtered_subscriptions")+` WHERE `+selectedIDs+`
			UNION ALL
			SELECT subscription_id, version, synced_at AS written_at, false AS is_filtered FROM `+r.events()+` FINAL WHERE `+selectedIDs+`
		) GROUP BY subscription_id HAVING argMax(is_filtered, (version, written_at, is_filtered))`, f.selected(), func(row driver.Rows) error {
		var id *string
		var kind uint8
		if err := row.Scan(&id, &kind); err != nil {
			return err
		}
		mark := MarkDeadLetters
		if kind == 2 {
			mark = MarkInternal
		}
		f.byID[*id].Marks = append(f.byID[*id].Marks, mark)
		return nil
	})
}

// finish derives what the queries do not return.
func (s *Subscription) finish(now time.Time, retry *time.Time) {
	if s.State != nil && retry != nil && retry.After(now) {
		s.State.NextRetryAt = retry
	}
	s.addMoney()
	s.addMarks()
	s.Summary = s.summary(now)
}

// addMoney adds up the payments and refunds. The value of a failed payment is no payment.
// Two events of one instant with the same value report one charge.
func (s *Subscription) addMoney() {
	amount := Amount{Currency: "unknown"}
	if s.API != nil && s.API.Currency != nil {
		amount.Currency = *s.API.Currency
	}
	counted := map[string]bool{}
	for _, e := range s.Timeline {
		if e.Value == nil || e.Value.IsZero() || e.Action == schemas.PaymentFailed {
			continue
		}
		if pair := chargePair(e.Action); pair != "" {
			charge := fmt.Sprintf("%s %d %s", pair, e.At.UnixMilli(), e.Value)
			if counted[charge] {
				continue
			}
			counted[charge] = true
		}
		if e.Value.IsNegative() {
			amount.Refunded, amount.Refunds = amount.Refunded.Sub(*e.Value), amount.Refunds+1
		} else {
			amount.Paid, amount.Payments = amount.Paid.Add(*e.Value), amount.Payments+1
		}
	}
	if amount.Payments+amount.Refunds > 0 {
		s.Money = append(s.Money, amount)
	}
}

// chargePair names the two actions that may report the same charge; empty for others.
func chargePair(action string) string {
	switch action {
	case schemas.TrialEnded, schemas.Renewed:
		return "end of the trial"
	case schemas.Created, schemas.TrialStarted:
		return "start"
	default:
		return ""
	}
}

// addMarks adds the marks that follow from the state and the differences.
func (s *Subscription) addMarks() {
	if st := s.State; st != nil {
		for _, one := range []struct {
			mark Mark
			is   bool
		}{
			{MarkTrial, st.InTrial}, {MarkFailed, !st.Closed && st.FailedPayments > 0}, {MarkChange, st.ChangePending},
			{MarkOverdue, st.Overdue}, {MarkPartial, st.Partial},
		} {
			if one.is {
				s.Marks = append(s.Marks, one.mark)
			}
		}
	}
	for _, d := range s.Disagreements {
		if d.Severity == "drift" {
			s.Marks = append(s.Marks, MarkDrift)
			break
		}
	}
	if s.API != nil && s.API.Filtered && !s.has(MarkInternal) {
		s.Marks = append(s.Marks, MarkInternal)
	}
}

func (s *Subscription) has(mark Mark) bool {
	for _, one := range s.Marks {
		if one == mark {
			return true
		}
	}
	return false
}

// FormatAmount writes an amount without zeros at its end, but with two digits after the
// point where there is a fraction.
func FormatAmount(d decimal.Decimal) string {
	if d.Equal(d.Truncate(0)) {
		return d.Truncate(0).String()
	}
	if d.Equal(d.Truncate(2)) {
		return d.StringFixed(2)
	}
	return d.String()
}
