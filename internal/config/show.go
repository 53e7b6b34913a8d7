package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pianola/pianola/transform"
)

// Entry is one effective setting for display. A secret is masked, and so is a text that
// may be a misplaced secret.
type Entry struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`  // JSON: sizes and durations as their notation
	Origin string `json:"origin"` // default, file, environment or flag
	Where  string `json:"where,omitempty"`
}

// Entries lists every setting in order, even when Check fails. A value that cannot
// be parsed is shown as its default.
func (l *Loaded) Entries() []Entry {
	wrong := map[string]bool{}
	for _, one := range l.mistakes(func(...string) bool { return true }) {
		wrong[one.Key] = true
	}
	all := make([]Entry, 0, len(l.all))
	for _, s := range l.all {
		from := l.origins[s.key]
		if from.kind == "" {
			from = origin{kind: FromDefault, name: l.followed[s.key]}
		}
		value := s.shown(&l.config)
		switch {
		case wrong[s.key], s.file() && !isFile(fmt.Sprint(value)):
			value = masked(value)
		case s.key == "transform.internal_user_ids":
			value = withoutAddresses(value)
		}
		all = append(all, Entry{Key: s.key, Value: value, Origin: from.kind, Where: from.name})
	}
	return all
}

// masked hides a text with a mistake: users put a password into an address, a URL, or
// the setting for its file, and paste this output into tickets. Numbers, durations and
// sizes were parsed, so they are no passwords.
func masked(value any) any {
	switch v := value.(type) {
	case string:
		if v != "" {
			return mask
		}
	case []string:
		if len(v) > 0 {
			return []string{mask}
		}
	case map[string]string:
		if len(v) > 0 {
			return map[string]string{mask: mask}
		}
	}
	return value
}

// isFile reports whether a path leads to a file. Any other text may be the secret itself.
func isFile(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// withoutAddresses masks user ids that may be email addresses: no output contains a
// plaintext address (contract §2).
func withoutAddresses(value any) any {
	ids, _ := value.([]string)
	shown := slices.Clone(ids)
	for i, id := range shown {
		if strings.Contains(id, "@") || transform.Guard(id) != id {
			shown[i] = mask
		}
	}
	return shown
}

// Text is the value in the notation of an environment variable.
func (e Entry) Text() string {
	switch v := e.Value.(type) {
	case []string:
		return strings.Join(v, ",")
	case map[string]string:
		pairs := make([]string, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, name+":"+v[name])
		}
		return strings.Join(pairs, ",")
	default:
		return fmt.Sprint(v)
	}
}

// MarshalJSON writes an absent list or map as an empty one.
func (e Entry) MarshalJSON() ([]byte, error) {
	type plain Entry
	switch v := e.Value.(type) {
	case []string:
		if v == nil {
			e.Value = []string{}
		}
	case map[string]string:
		if v == nil {
			e.Value = map[string]string{}
		}
	}
	return json.Marshal(plain(e))
}
