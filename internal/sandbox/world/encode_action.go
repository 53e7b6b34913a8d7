package world

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

// synonymsJSON holds the synonyms of each canonical action, from the contract.
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

// action writes the action in one of its spellings.
func (enc *encoder) action() {
	if enc.event.action >= firstUnknownAction {
		enc.unknownAction()
		return
	}
	canonical := actionNames[enc.event.action]
	enc.want.row.SubscriptionAction = enc.want.keep(canonical)
	told := canonical
	if enc.unusual || enc.event.action.rare() {
		names := enc.w.synonyms[enc.event.action]
		told = names[int(enc.event.spelling)%len(names)]
		if enc.notations != nil {
			enc.count("action: " + canonical + ": " + told)
		}
		if enc.unusual {
			told = enc.respell(told)
		}
	}
	enc.text(fSubscriptionAction, enc.want.keep(told), told, false)
}

// respell changes what the match ignores: case, separators, signs and marks.
func (enc *encoder) respell(name string) string {
	switch enc.d.below(8) {
	case 0:
		enc.count("action in capitals")
		return strings.ToUpper(name)
	case 1:
		enc.count("action in small letters")
		return strings.ToLower(name)
	case 2:
		enc.count("action with other separators")
		return strings.NewReplacer(" ", "__", "_", " - ", ".", "/", "-", "\u2013").Replace(name)
	case 3:
		enc.count("action with signs and marks")
		return "«" + name[:2] + "\u0301" + name[2:] + "» ✓"
	default:
		return name
	}
}

// unknownAction writes a text that only the guard or a synonym of the rules may change.
func (enc *encoder) unknownAction() {
	text := unknownActions[enc.event.action-firstUnknownAction]
	if enc.notations != nil {
		enc.count("unknown action: " + text)
	}
	before, after, addressed := strings.Cut(text, "ADDRESS")
	if !addressed {
		want := enc.want.keep(text)
		enc.want.row.SubscriptionAction = want
		if canonical := enc.rules.meaning(text); canonical != "" {
			enc.want.row.SubscriptionAction = enc.want.keep(canonical)
		}
		enc.text(fSubscriptionAction, want, text, text == "42")
		return
	}
	want := enc.want.keepGuarded(before, after)
	enc.want.row.SubscriptionAction = want
	enc.text(fSubscriptionAction, want, before+enc.disguise(string(enc.emailAddress))+after, false)
}
