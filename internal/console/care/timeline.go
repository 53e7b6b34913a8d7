package care

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/console/figures"
)

// timelineRow is an event of the stream or a step of an action.
type timelineRow struct{ At, Source, SubscriptionID, What, Detail string }

// loadTimeline reads the stream of the user's subscriptions and the actions on the user.
func (v *view) loadTimeline() error {
	params := map[string]string{"user": v.ID}
	owned := "(SELECT subscription_id FROM subscription_state WHERE " + ofUser + ")"
	events, err := v.Figures.Table(v.req.Context(), figures.Query{Keep: listKeep, Params: params, SQL: `
SELECT event_timestamp AS at, subscription_id, subscription_action,
    arrayStringConcat(arrayFilter((x) -> x != '', [ifNull(term_name, ''), if(transaction_value IS NULL, '', concat('amount ', toString(transaction_value))),
        if(next_billed_at IS NULL, '', concat('next bill ', toString(toDate(next_billed_at))))]), '; ') AS detail
FROM subscription_timeline WHERE subscription_id IN ` + owned + ` ORDER BY at DESC, action_rank DESC LIMIT 500`})
	if err != nil {
		return err
	}
	acts, err := v.Figures.Table(v.req.Context(), figures.Query{Keep: listKeep, Params: params, SQL: `
SELECT max(written_at) AS at, anyIf(subscription_id, subscription_id != '') AS subscription, any(action) AS kind,
    concat(argMax(outcome, written_at), ', by ', any(actor), if(max(reason) = '', '', concat(', reason: ', max(reason))), if(argMax(answer, written_at) = '', '', concat(' (', argMax(answer, written_at), ')')),
        if(any(object) = '', '', concat(', ', any(object)))) AS detail
FROM actions_log WHERE user_id = {user:String} OR subscription_id IN ` + owned + ` AND subscription_id != ''
GROUP BY action_id, execution ORDER BY at DESC LIMIT 500`})
	if err != nil {
		return err
	}
	add := func(t *figures.Table, source string) {
		for i := range t.Rows {
			at, _, _ := strings.Cut(t.Text(i, 0), ".")
			v.Timeline = append(v.Timeline, timelineRow{At: at, Source: source, SubscriptionID: t.Text(i, 1), What: strings.ReplaceAll(t.Text(i, 2), "_", " "), Detail: t.Text(i, 3)})
		}
		v.More = v.More || len(t.Rows) == 500
	}
	add(events, "stream")
	add(acts, "action log")
	slices.SortStableFunc(v.Timeline, func(a, b timelineRow) int { return cmp.Compare(b.At, a.At) })
	return nil
}
