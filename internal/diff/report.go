package diff

import (
	"cmp"
	"maps"
	"slices"
)

// Report is the result of a comparison, as --json shows it.
type Report struct {
	First  string `json:"first"`
	Second string `json:"second"`
	// Identical reports that something was compared and nothing differs.
	Identical bool `json:"identical"`
	// Nothing reports that there was nothing to compare, which is not a success.
	Nothing bool `json:"nothing_compared"`

	Events EventsResult   `json:"events"`
	Months []*MonthResult `json:"months"`
	// Actions are the totals of all months.
	Actions []*ActionResult `json:"actions"`
	// Columns counts the changed events in which a column differs.
	Columns map[string]uint64 `json:"columns"`
	Samples []*Sample         `json:"samples"`

	// DeadLetters and Filtered are absent when months were selected.
	DeadLetters []LetterResult  `json:"dead_letters"`
	Filtered    *FilteredResult `json:"filtered_subscriptions"`

	samples int // at most, of each kind
	sampled map[Kind]int
	actions map[string]*ActionResult
}

// Total is a number of events and the exact sum of transaction_value.
type Total struct {
	Events uint64 `json:"events"`
	Value  Amount `json:"transaction_value"`
}

func (t Total) plus(u Total) Total {
	return Total{t.Events + u.Events, Amount{t.Value.Add(u.Value.Decimal)}}
}

func (t Total) equal(u Total) bool { return t.Events == u.Events && t.Value.Equal(u.Value.Decimal) }

// Differences counts the events that differ.
type Differences struct {
	OnlyFirst  uint64 `json:"only_first"`
	OnlySecond uint64 `json:"only_second"`
	Changed    uint64 `json:"changed"`
}

func (d *Differences) add(e Differences) {
	d.OnlyFirst += e.OnlyFirst
	d.OnlySecond += e.OnlySecond
	d.Changed += e.Changed
}

// EventsResult is all events.
type EventsResult struct {
	First  Total `json:"first"`
	Second Total `json:"second"`
	Differences
}

// MonthResult is one month.
type MonthResult struct {
	Month  Month `json:"month"`
	First  Total `json:"first"`
	Second Total `json:"second"`
	Differences
	// Unsettled reports that the events had changed before they were compared one by one:
	// somebody is writing them.
	Unsettled bool `json:"unsettled"`
}

// Differs reports whether the month has a difference.
func (m *MonthResult) Differs() bool { return m.Unsettled || m.Differences != (Differences{}) }

// ActionResult is one action in all months.
type ActionResult struct {
	Action string `json:"action"`
	First  Total  `json:"first"`
	Second Total  `json:"second"`
}

// Differs reports whether numbers or sums differ.
func (a *ActionResult) Differs() bool { return !a.First.equal(a.Second) }

func newReport(parts Deps) *Report {
	return &Report{First: parts.First, Second: parts.Second, Months: []*MonthResult{}, Actions: []*ActionResult{}, Columns: map[string]uint64{},
		Samples: []*Sample{}, DeadLetters: []LetterResult{}, samples: parts.Samples, sampled: map[Kind]int{}, actions: map[string]*ActionResult{}}
}

// add adds a month and its actions.
func (r *Report) add(m *MonthResult, digests [2]digest) {
	r.Months = append(r.Months, m)
	r.Events.First, r.Events.Second = r.Events.First.plus(m.First), r.Events.Second.plus(m.Second)
	for side, d := range digests {
		for name, total := range d.actions {
			a := r.actions[name]
			if a == nil {
				a = &ActionResult{Action: name}
				r.actions[name] = a
			}
			if side == 0 {
				a.First = a.First.plus(total)
			} else {
				a.Second = a.Second.plus(total)
			}
		}
	}
}

// conclude decides what the comparison says.
func (r *Report) conclude() {
	r.Actions = slices.SortedFunc(maps.Values(r.actions), func(a, b *ActionResult) int { return cmp.Compare(a.Action, b.Action) })
	compared := r.Events.First.Events + r.Events.Second.Events
	same := !slices.ContainsFunc(r.Months, (*MonthResult).Differs)
	for _, l := range r.DeadLetters {
		compared += l.First + l.Second
		same = same && !l.Differs
	}
	if f := r.Filtered; f != nil {
		compared += f.First + f.Second
		same = same && f.OnlyFirst == 0 && f.OnlySecond == 0
	}
	r.Nothing = compared == 0
	r.Identical = same && !r.Nothing
}
