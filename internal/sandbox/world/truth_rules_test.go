package world

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// TestCompiledRules_fromWall: clock times in a gap and in an overlap, and far from both.
func TestCompiledRules_fromWall(t *testing.T) {
	for _, c := range []struct{ zone, wall, want string }{
		{"", "2026-03-29T02:30:00", "2026-03-29T02:30:00"},
		{"Europe/Copenhagen", "2026-03-29T01:59:59", "2026-03-29T00:59:59"},
		{"Europe/Copenhagen", "2026-03-29T02:30:00", "2026-03-29T01:30:00"}, // a gap: the offset before it
		{"Europe/Copenhagen", "2026-03-29T03:00:00", "2026-03-29T01:00:00"},
		{"Europe/Copenhagen", "2026-10-25T01:59:59", "2026-10-24T23:59:59"},
		{"Europe/Copenhagen", "2026-10-25T02:30:00", "2026-10-25T00:30:00"}, // an overlap: the first
		{"Europe/Copenhagen", "2026-10-25T03:00:00", "2026-10-25T02:00:00"},
		{"Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:45:00"}, // a gap of half an hour
		{"America/St_Johns", "2025-12-24T12:00:00", "2025-12-24T15:30:00"},
	} {
		rules, err := Rules{SourceTimezone: c.zone}.compile()
		if err != nil {
			t.Fatal(err)
		}
		wall, err := time.Parse("2006-01-02T15:04:05", c.wall)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.UnixMilli(rules.fromWall(wall.UnixMilli())).UTC().Format("2006-01-02T15:04:05"); got != c.want {
			t.Errorf("%s in %s: got %s, want %s", c.wall, c.zone, got, c.want)
		}
	}
}

func TestRules_rejects_what_the_world_cannot_know(t *testing.T) {
	w := manyNotations(t, KeepUnknown)
	for name, rules := range map[string]Rules{
		"zone":           {SourceTimezone: "Middle-earth/Shire"},
		"unknown text":   {ActionSynonyms: map[string]string{"Stopped": schemas.Canceled}},
		"not mappable":   {ActionSynonyms: map[string]string{"Renewed 2": schemas.Renewed}},
		"unknown action": {ActionSynonyms: map[string]string{"Paused": "Suspended"}},
	} {
		_, a := w.TruthUnder(rules)
		_, b := w.TruthAfterReplay(Replay{After: rules, Until: make([]int64, w.cfg.Partitions)})
		_, c := w.Moves(rules, Rules{})
		if a == nil || b == nil || c == nil {
			t.Errorf("%s: %v, %v, %v", name, a, b, c)
		}
	}
	if _, err := w.TruthAfterReplay(Replay{}); err == nil {
		t.Error("a replay without the offsets of every partition")
	}
}

func manyNotations(t *testing.T, unknown UnknownAction) *World {
	t.Helper()
	cfg := Defaults()
	cfg.Seed, cfg.Subscribers, cfg.UnknownAction = 5, 1500, unknown
	// Many deliveries of one event, in several notations.
	cfg.ReencodedShare, cfg.CorrectionShare, cfg.DuplicateShare = 0.2, 0.2, 0.2
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// modelRow is a row of an identity in the model of the table.
type modelRow struct {
	version uint64
	from    Position // of the message whose columns it has; ignored of a marker
	marker  bool
}

// replayModel does with the messages of a world what ingestion and a replay in place do
// with the table. It uses the transform, not the oracle. Of an identity it keeps the row
// that a merge keeps.
type replayModel struct {
	rows     map[schemas.EventID]modelRow
	versions map[Position]uint64
	before   map[Position]schemas.EventID
	after    map[Position]schemas.EventID
}

func newReplayModel(t *testing.T, w *World, r Replay) *replayModel {
	t.Helper()
	workers := [2]*transform.Worker{}
	for i, rules := range []Rules{r.Before, r.After} {
		cfg := transform.Defaults()
		cfg.InternalUserIDs, cfg.InternalEmailDomains = w.InternalUserIDs(), w.InternalEmailDomains()
		cfg.UnknownAction, cfg.ActionSynonyms = transform.UnknownAction(w.cfg.UnknownAction), rules.ActionSynonyms
		cfg.SourceTimezone = cmp.Or(rules.SourceTimezone, "UTC")
		compiled, err := transform.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		workers[i] = compiled.NewWorker()
	}
	m := &replayModel{map[schemas.EventID]modelRow{}, map[Position]uint64{}, map[Position]schemas.EventID{}, map[Position]schemas.EventID{}}
	ends := make([]int64, w.cfg.Partitions)
	var order []Position
	for message := range w.Messages() {
		at := Position{message.Partition, ends[message.Partition]}
		ends[message.Partition]++
		order = append(order, at)
		m.versions[at] = schemas.KafkaVersion(schemas.Millis(message.Time.UnixMilli()), at.Offset)
		for i, ids := range []map[Position]schemas.EventID{m.before, m.after} {
			if i == 0 && at.Offset >= r.Until[at.Partition] {
				continue
			}
			if result := workers[i].Apply(message.Value, w.cfg.End.Add(time.Hour)); result.Outcome == transform.Stored {
				ids[at] = result.Event.ID
			}
		}
	}
	for _, at := range order {
		if id, stored := m.before[at]; stored {
			m.write(id, modelRow{m.versions[at], at, false})
		}
	}
	m.replay(order, r)
	for _, at := range order { // later messages
		if id, stored := m.after[at]; stored && at.Offset >= r.Until[at.Partition] {
			m.write(id, modelRow{m.versions[at], at, false})
		}
	}
	return m
}

// write keeps the highest version, and of two equal ones the later.
func (m *replayModel) write(id schemas.EventID, row modelRow) {
	if old, there := m.rows[id]; !there || row.version >= old.version {
		m.rows[id] = row
	}
}

// replay reads the messages of the first reading again.
func (m *replayModel) replay(order []Position, r Replay) {
	given := map[schemas.EventID][]Position{} // by the later rules
	for _, at := range order {
		if id, stored := m.after[at]; stored && at.Offset < r.Until[at.Partition] {
			given[id] = append(given[id], at)
		}
	}
	for _, at := range order {
		if at.Offset >= r.Until[at.Partition] {
			continue
		}
		if id, stored := m.after[at]; stored {
			m.write(id, modelRow{m.versions[at], at, false})
		}
		id, stored := m.before[at]
		if !stored || m.after[at] == id || m.rows[id].from != at {
			continue // nothing departs, or its row was merged away
		}
		departs := modelRow{m.versions[at], Position{-1, -1}, true}
		best := uint64(0)
		for _, other := range given[id] {
			if v := m.versions[other]; v < departs.version && v >= best {
				departs.from, departs.marker, best = other, false, v
			}
		}
		m.write(id, departs)
	}
}

// TestTruthAfterReplay_agrees_with_a_model: the rows of a replay in place are rows of the
// truth, in one of the forms that it allows, and it does not allow many forms.
func TestTruthAfterReplay_agrees_with_a_model(t *testing.T) {
	for name, c := range map[string]struct {
		Replay
		heirs bool
	}{
		"zone and synonym": {Replay{After: Rules{SourceTimezone: "Europe/Copenhagen", ActionSynonyms: map[string]string{"Paused": "Auto-renew disabled"}}}, true},
		// Each identity that a message leaves is left by all.
		"back to defaults": {Replay{Before: Rules{SourceTimezone: "America/St_Johns", ActionSynonyms: map[string]string{"Refund issued": "Canceled"}}}, false},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			r := c.Replay
			w := manyNotations(t, KeepUnknown)
			ends := w.Truth().Ends
			r.Until = make([]int64, len(ends))
			for p, end := range ends {
				r.Until[p] = end * int64(p+1) / int64(len(ends)) // of the last partition everything
			}
			tr, err := w.TruthAfterReplay(r)
			if err != nil {
				t.Fatal(err)
			}
			model := newReplayModel(t, w, r)
			visible := 0
			for _, row := range model.rows {
				if !row.marker {
					visible++
				}
			}
			if visible != tr.Counts.Rows {
				t.Errorf("%d rows are visible, the truth has %d", visible, tr.Counts.Rows)
			}
			enc := tr.newEncoder()
			own, inherited, allowed := 0, 0, 0
			for row := range tr.Rows() {
				got, there := model.rows[row.ID]
				forms := append([]Row{*row}, tr.inherited(enc, row)...)
				if allowed += len(forms) - 1; !there || got.marker {
					t.Fatalf("no row is visible of %s at %d", row.SubscriptionID, row.EventTimestamp)
				}
				switch at := slices.IndexFunc(forms, func(f Row) bool { return f.Version == got.version && Position{f.Partition, f.Offset} == got.from }); {
				case at < 0:
					t.Errorf("the row of %s at %d has version %d from %v; want %d from offset %d, or one of %d other forms", row.SubscriptionID, row.EventTimestamp, got.version, got.from, row.Version, row.Offset, len(forms)-1)
				case at == 0:
					own++
				default:
					inherited++
				}
			}
			t.Logf("%d rows have their own version, %d an inherited one; %d inherited forms", own, inherited, allowed)
			if c.heirs != (inherited > 0) || inherited > own/10 || allowed > 3*inherited {
				t.Errorf("%d rows of %d have inherited a version, in %d forms: the test or the truth allows too much", inherited, own, allowed)
			}
		})
	}
}

// TestTruthAfterReplay_resolves: of actions that were unknown the dead letters are
// resolved, and the ledger counts the first reading.
func TestTruthAfterReplay_resolves(t *testing.T) {
	w := manyNotations(t, DeadLetterUnknown)
	before := w.Truth()
	r := Replay{After: Rules{ActionSynonyms: map[string]string{"Paused": "Auto-renew disabled"}}, Until: before.Ends}
	after, err := w.TruthAfterReplay(r)
	if err != nil {
		t.Fatal(err)
	}
	resolved := 0
	for i, d := range after.DeadLetters {
		if d.Resolved {
			resolved++
		}
		if b := before.DeadLetters[i]; d.Offset != b.Offset || d.SHA256 != b.SHA256 || d.Resolved && d.Reason != schemas.UnknownAction {
			t.Fatalf("got %+v, want %+v", d, b)
		}
	}
	if resolved == 0 || len(after.DeadLetters) != len(before.DeadLetters) || after.Counts.Rows <= before.Counts.Rows || after.Counts.DeadLettered != before.Counts.DeadLettered {
		t.Errorf("%d resolved of %d; before %+v, after %+v", resolved, len(after.DeadLetters), before.Counts, after.Counts)
	}
	r.Until = make([]int64, w.cfg.Partitions)
	fresh, err := w.TruthAfterReplay(r)
	if err != nil {
		t.Fatal(err)
	}
	if under, err := w.TruthUnder(r.After); err != nil || fresh.Counts != under.Counts || len(fresh.DeadLetters) != len(under.DeadLetters) || fresh.Digest() != under.Digest() {
		t.Errorf("nothing was read under the earlier rules: %+v, want %+v, %v", fresh.Counts, under.Counts, err)
	}
}

// TestMoves: explicit notations stay, times without an offset and synonyms move.
func TestMoves(t *testing.T) {
	w := manyNotations(t, KeepUnknown)
	moves, err := w.Moves(Rules{}, Rules{SourceTimezone: "Europe/Copenhagen", ActionSynonyms: map[string]string{"Paused": "Auto-renew disabled"}})
	if err != nil {
		t.Fatal(err)
	}
	stored, moved := 0, 0
	for m := range moves {
		stored++
		if m.Before != m.After {
			moved++
		}
	}
	if counts := w.Truth().Counts; stored != counts.Stored || moved < stored/100 || moved > stored/10 {
		t.Errorf("%d of %d move; the truth has %+v", moved, stored, counts)
	}
}
