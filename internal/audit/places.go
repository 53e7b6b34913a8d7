package audit

import (
	"context"

	"github.com/pianola/pianola/transform"
)

// verdict is what became of one message of a batch. The zero value is that it is
// where today's rules put it.
type verdict struct {
	kind      Kind  // empty where nothing is wrong
	cause     Cause // may be empty
	otherwise bool  // it is where another outcome has put it
}

// judge looks a batch up, in the order in which the promise allows places: where
// today's rules put a message; among the dead letters, by its coordinates; among
// the rows, by its coordinates, for what was accepted by other rules. Only what is
// in question is asked for further on.
func (t *tables) judge(ctx context.Context, k Key, messages []expected) ([]verdict, error) {
	verdicts := make([]verdict, len(messages))
	versions, err := t.versions(ctx, messages)
	if err != nil {
		return nil, err
	}
	filtered, err := t.filtered(ctx, subscriptionsOf(messages, func(i int) bool { return messages[i].outcome == transform.Filtered }))
	if err != nil {
		return nil, err
	}
	var open []int // indexes of messages that are in question
	for i, m := range messages {
		switch m.outcome {
		case transform.Stored:
			version, known := versions[m.id]
			if known && version >= m.version {
				continue
			}
			if verdicts[i].kind = EventMissing; known {
				verdicts[i].kind = EventOlder
			}
		case transform.Filtered:
			// Where an unknown action was dropped there is no id to be recorded.
			if m.subscription == "" || filtered[m.subscription] {
				continue
			}
			verdicts[i].kind = FilteredMissing
		case transform.DeadLettered:
			verdicts[i].kind = DeadLetterMissing
		case transform.Skipped:
			continue
		}
		open = append(open, i)
	}
	settle := func(table string) error {
		offsets := make([]int64, len(open))
		for n, i := range open {
			offsets[n] = messages[i].offset
		}
		found, err := t.at(ctx, table, k, offsets)
		rest := open[:0]
		for _, i := range open {
			// A row of its own that has an older version is what is wrong.
			older := verdicts[i].kind == EventOlder && table == "subscription_events"
			if older || !found[messages[i].offset] {
				rest = append(rest, i)
				continue
			}
			verdicts[i] = verdict{otherwise: verdicts[i].kind != DeadLetterMissing || table != "dead_letters"}
		}
		open = rest
		return err
	}
	if err := settle("dead_letters"); err != nil {
		return nil, err
	}
	if err := settle("subscription_events"); err != nil {
		return nil, err
	}
	return verdicts, t.suspect(ctx, messages, verdicts, open)
}

// suspect adds what may explain a missing event: that it was filtered once, of
// which nothing is left but its subscription.
func (t *tables) suspect(ctx context.Context, messages []expected, verdicts []verdict, open []int) error {
	missing := map[int]bool{}
	for _, i := range open {
		missing[i] = messages[i].outcome == transform.Stored
	}
	filtered, err := t.filtered(ctx, subscriptionsOf(messages, func(i int) bool { return missing[i] }))
	if err != nil {
		return err
	}
	for _, i := range open {
		if missing[i] && filtered[messages[i].subscription] {
			verdicts[i].cause = EarlierRules
		}
	}
	return nil
}

// subscriptionsOf gives the subscriptions of chosen messages, each once.
func subscriptionsOf(messages []expected, chosen func(i int) bool) []string {
	var all []string
	seen := map[string]bool{}
	for i := range messages {
		if s := messages[i].subscription; s != "" && chosen(i) && !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	return all
}
