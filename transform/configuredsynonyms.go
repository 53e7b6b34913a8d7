package transform

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// withSynonyms returns the built-in meanings of action texts with those of
// transform.action_synonyms, and what is wrong with the latter. It does not repeat their
// texts.
func withSynonyms(configured map[string]string) (actions map[string][]byte, mistakes []string) {
	actions = newActions()
	for i, text := range slices.Sorted(maps.Keys(configured)) {
		wrong := func(format string, args ...any) {
			mistakes = append(mistakes, fmt.Sprintf("synonym %d of %d, in alphabetical order, ", i+1, len(configured))+fmt.Sprintf(format, args...))
		}
		target := configured[text]
		var key [maxActionKey]byte
		n, ok := actionKey(&key, []byte(text))
		known, taken := actions[string(key[:n])]
		switch {
		case !slices.Contains(schemas.Actions(), target):
			wrong("maps to a text that is not one of %s", strings.Join(schemas.Actions(), ", "))
		case !ok || n == 0:
			wrong("would match nothing; give a text of 1 to %d ASCII letters without other letters and digits", maxActionKey)
		case taken && string(known) != target:
			wrong("already means %s; the match uses only the letters, lower-cased", known)
		default:
			actions[string(key[:n])] = []byte(target)
		}
	}
	return actions, mistakes
}
