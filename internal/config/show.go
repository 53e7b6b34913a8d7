package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Entry is one effective setting for display: a secret is masked.
type Entry struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`  // JSON: sizes and durations as their notation
	Origin string `json:"origin"` // default, file, environment or flag
	Where  string `json:"where,omitempty"`
}

// Entries lists every setting in order, even when Check fails. A value that cannot
// be parsed is shown as its default.
func (l *Loaded) Entries() []Entry {
	all := make([]Entry, 0, len(l.all))
	for _, s := range l.all {
		from := l.origins[s.key]
		if from.kind == "" {
			from.kind = FromDefault
		}
		value := s.shown(&l.config)
		if ids, ok := value.([]string); ok && s.key == "transform.internal_user_ids" {
			value = withoutAddresses(ids)
		}
		all = append(all, Entry{Key: s.key, Value: value, Origin: from.kind, Where: from.name})
	}
	return all
}

// withoutAddresses masks user ids that may be email addresses. Users paste this
// output into tickets, and no output contains a plaintext address (contract §2).
func withoutAddresses(ids []string) []string {
	shown := slices.Clone(ids)
	for i, id := range shown {
		if strings.Contains(id, "@") {
			shown[i] = "***"
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
