package world

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

// The synonyms of the contract's vectors, by canonical action.
//
//go:embed actions.json
var synonymsJSON []byte

func readSynonyms() (out [firstUnknownAction][]string, err error) {
	var lists map[string][]string
	if err := json.Unmarshal(synonymsJSON, &lists); err != nil {
		return out, fmt.Errorf("read action synonyms: %w", err)
	}
	for a, name := range actionNames {
		if out[a] = lists[name]; len(out[a]) == 0 {
			return out, fmt.Errorf("read action synonyms: none for %q", name)
		}
	}
	return out, nil
}

// action tells what happened, in one of its many spellings.
func (t *teller) action() {
	if t.e.action >= firstUnknownAction {
		t.unknownAction()
		return
	}
	canonical := actionNames[t.e.action]
	t.row.SubscriptionAction = t.keep(canonical)
	told := canonical
	if t.odd || t.e.action.rare() {
		names := t.w.synonyms[t.e.action]
		told = names[int(t.e.spelling)%len(names)]
		if t.used != nil {
			t.note("action: " + canonical + ": " + told)
		}
		if t.odd {
			told = t.respell(told)
		}
	}
	t.text(fSubscriptionAction, t.keep(told), told, false)
}

// respell changes what the match does not look at: case, separators, signs and
// marks.
func (t *teller) respell(name string) string {
	switch t.d.below(8) {
	case 0:
		t.note("action in capitals")
		return strings.ToUpper(name)
	case 1:
		t.note("action in small letters")
		return strings.ToLower(name)
	case 2:
		t.note("action with other separators")
		return strings.NewReplacer(" ", "__", "_", " - ", ".", "/", "-", "\u2013").Replace(name)
	case 3:
		t.note("action with signs and marks")
		return "«" + name[:2] + "\u0301" + name[2:] + "» ✓"
	default:
		return name
	}
}

// unknownAction tells a text that stays as it is, once the guard has seen it.
func (t *teller) unknownAction() {
	text := unknownActions[t.e.action-firstUnknownAction]
	if t.used != nil {
		t.note("unknown action: " + text)
	}
	before, after, addressed := strings.Cut(text, "ADDRESS")
	if !addressed {
		want := t.keep(text)
		t.row.SubscriptionAction = want
		t.text(fSubscriptionAction, want, text, text == "42")
		return
	}
	from := len(t.arena)
	t.arena = append(appendGuarded(append(t.arena, before...), t.address), after...)
	want := t.arena[from:len(t.arena):len(t.arena)]
	t.row.SubscriptionAction = want
	t.text(fSubscriptionAction, want, before+t.shout(string(t.address))+after, false)
}
