package world

import (
	"slices"
	"testing"
)

// TestEncoder_writes_every_notation: the tables list all notations, so that
// an unreachable one fails the test.
func TestEncoder_writes_every_notation(t *testing.T) {
	cfg := Defaults()
	cfg.Subscribers = 2000
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	encoder := w.newEncoder()
	encoder.notations = map[string]int{}
	for i := range w.schedule {
		encoder.encode(&w.schedule[i])
	}
	var want []string
	for _, form := range timeForms {
		want = append(want, form.name)
	}
	for _, form := range moneyForms {
		want = append(want, form.name)
	}
	for _, form := range countForms {
		want = append(want, form.name)
	}
	for _, form := range emailForms {
		want = append(want, form.name)
	}
	for _, form := range addressForms {
		want = append(want, form.name)
	}
	for a, names := range w.synonyms {
		for _, name := range names {
			want = append(want, "action: "+actionNames[a]+": "+name)
		}
	}
	for _, text := range unknownActions {
		want = append(want, "unknown action: "+text)
	}
	for _, form := range append(slices.Clone(yesForms), noForms...) {
		want = append(want, "internal: "+form)
	}
	for _, form := range noTimeForms {
		want = append(want, "never: "+form)
	}
	want = append(want,
		"confluent prefix", "message of exactly the limit", "message of exactly the limit, prefixed", "nested as deep as is allowed", "two faults",
		"fields in another order", "escaped field name", "white space before the object", "white space after the object",
		"white space between tokens", "unknown fields", "absent: omitted", "absent: null", "absent: empty text",
		"absent: white space", "text as a number", "text with white space around it", "text wholly in escapes",
		"text with an escaped solidus", "country in small letters", "country in mixed case", "address as the user id",
		"address in capitals", "address with white space around it", "address inside a text", "action in capitals",
		"action in small letters", "action with other separators", "action with signs and marks", "email: hash",
		"email: hash of the empty text", "email: a number that is a hash", "money: an edge", "period number: the largest",
	)
	for _, name := range want {
		if encoder.notations[name] == 0 {
			t.Errorf("never written: %s", name)
		}
	}
}

func TestWorld_uses_every_fault(t *testing.T) {
	cfg := Defaults()
	cfg.Subscribers = 2000
	cfg.BadShare = 0.05
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	used := make([]bool, len(w.faults))
	for _, del := range w.schedule {
		if del.kind == kindBroken {
			used[del.fault] = true
		}
	}
	for i, is := range used {
		if !is {
			t.Errorf("never broken by fault %d: %s %s %s", i, w.faults[i].reason, w.faults[i].field, w.faults[i].raw)
		}
	}
}
