package audit

import (
	"context"

	"github.com/pianola/pianola/transform"
)

// lookupResult is the result for one message of a batch. The zero value means that the
// message is where today's rules put it.
type lookupResult struct {
	kind      Kind  // empty where nothing is wrong
	cause     Cause // may be empty
	otherwise bool  // it is where another outcome has put it
}

// batchLookup looks for the messages of one batch.
type batchLookup struct {
	tables   *tables
	key      Key
	messages []expected
	results  []lookupResult
}

// lookUp looks for a batch in the places that the promise allows, in this order: where
// today's rules put a message; among the open dead letters, by its coordinates; among the
// events, by its coordinates, for what other rules accepted. Each lookup gets the indexes
// of unresolved messages and returns those that it did not resolve.
func (t *tables) lookUp(ctx context.Context, k Key, messages []expected) ([]lookupResult, error) {
	l := &batchLookup{t, k, messages, make([]lookupResult, len(messages))}
	unresolved := make([]int, len(messages))
	for i := range unresolved {
		unresolved[i] = i
	}
	for _, lookup := range []func(context.Context, []int) ([]int, error){l.todaysPlace, l.deadLetters, l.events, l.filteredEarlier} {
		var err error
		if unresolved, err = lookup(ctx, unresolved); err != nil {
			return nil, err
		}
	}
	return l.results, nil
}

// todaysPlace looks where today's rules put each message, and sets what is wrong with
// those that are not there.
func (l *batchLookup) todaysPlace(ctx context.Context, in []int) (unresolved []int, err error) {
	versions, err := l.tables.versions(ctx, l.messages)
	if err != nil {
		return nil, err
	}
	filtered, err := l.filtered(ctx, in, transform.Filtered)
	if err != nil {
		return nil, err
	}
	for _, i := range in {
		m, result := l.messages[i], &l.results[i]
		switch m.outcome {
		case transform.Stored:
			switch version, known := versions[m.id]; {
			case !known:
				result.kind = EventMissing
			case version < m.version:
				result.kind = EventOlder
			}
		case transform.Filtered:
			// A message that was dropped for its unknown action may have no id to record.
			version, known := filtered[m.subscription]
			if m.subscription != "" && (!known || version < m.version) {
				result.kind = FilteredMissing
			}
		case transform.DeadLettered:
			result.kind = DeadLetterMissing
		case transform.Skipped:
		}
		if result.kind != "" {
			unresolved = append(unresolved, i)
		}
	}
	return unresolved, nil
}

// deadLetters resolves the messages that are open dead letters. A resolved one says that
// the message has passed since: then its row has to be there.
func (l *batchLookup) deadLetters(ctx context.Context, in []int) (unresolved []int, err error) {
	found, err := l.tables.openDeadLetters(ctx, l.key, l.offsets(in))
	for _, i := range in {
		if !found[l.messages[i].offset] {
			unresolved = append(unresolved, i)
			continue
		}
		l.results[i] = lookupResult{otherwise: l.results[i].kind != DeadLetterMissing}
	}
	return unresolved, err
}

// events resolves the messages that are stored, except where the row is older than the
// message: then its version is what is wrong.
func (l *batchLookup) events(ctx context.Context, in []int) (unresolved []int, err error) {
	found, err := l.tables.events(ctx, l.key, l.offsets(in))
	for _, i := range in {
		if l.results[i].kind == EventOlder || !found[l.messages[i].offset] {
			unresolved = append(unresolved, i)
			continue
		}
		l.results[i] = lookupResult{otherwise: true}
	}
	return unresolved, err
}

// filteredEarlier resolves the messages whose events `pianola purge-internal` has removed:
// it records their subscriptions as filtered, as of the newest event. Of others it adds
// what may explain a missing event: earlier rules filtered it, and only its subscription
// is recorded.
func (l *batchLookup) filteredEarlier(ctx context.Context, in []int) (unresolved []int, err error) {
	filtered, err := l.filtered(ctx, in, transform.Stored)
	if err != nil || len(filtered) == 0 {
		return in, err
	}
	purged, err := l.tables.purged(ctx)
	if err != nil {
		return nil, err
	}
	for _, i := range in {
		m := l.messages[i]
		version, known := filtered[m.subscription]
		switch {
		case !known || m.outcome != transform.Stored:
			unresolved = append(unresolved, i)
		case purged && version >= m.version:
			l.results[i] = lookupResult{otherwise: true}
		default:
			l.results[i].cause = EarlierRules
			unresolved = append(unresolved, i)
		}
	}
	return unresolved, nil
}

// filtered returns the subscriptions of messages with this outcome that are recorded as
// filtered, and the newest version of each.
func (l *batchLookup) filtered(ctx context.Context, in []int, outcome transform.Outcome) (map[string]uint64, error) {
	var all []string
	seen := map[string]bool{}
	for _, i := range in {
		if m := l.messages[i]; m.subscription != "" && m.outcome == outcome && !seen[m.subscription] {
			seen[m.subscription] = true
			all = append(all, m.subscription)
		}
	}
	return l.tables.filtered(ctx, all)
}

func (l *batchLookup) offsets(in []int) []int64 {
	offsets := make([]int64, len(in))
	for n, i := range in {
		offsets[n] = l.messages[i].offset
	}
	return offsets
}
