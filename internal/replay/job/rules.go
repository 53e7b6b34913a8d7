package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/pianola/pianola/transform"
)

// Rules are what decides the outcome of a message. A job is resumed only under the rules
// that it started with: otherwise its first half would follow others than its second.
type Rules struct {
	SourceTimezone       string            `json:"source_timezone"`
	FieldAliases         map[string]string `json:"field_aliases"`
	UnknownAction        string            `json:"unknown_action"`
	MaxFuture            string            `json:"max_future"`
	MaxMessageBytes      int               `json:"max_message_bytes"`
	InternalUserIDs      Digest            `json:"internal_user_ids"`
	InternalEmailDomains Digest            `json:"internal_email_domains"`
	ActionSynonyms       map[string]string `json:"action_synonyms"`
	BuiltInSynonyms      string            `json:"built_in_synonyms"` // their version
	Binary               string            `json:"binary"`            // the version of Pianola
}

// Digest identifies a list whose entries may be personal.
type Digest struct {
	Entries int    `json:"entries"`
	SHA256  string `json:"sha256"` // of the sorted entries; empty without entries
}

// RulesOf are the rules of a configuration and of this binary.
func RulesOf(c transform.Config, binary string) Rules {
	return Rules{
		SourceTimezone: c.SourceTimezone, FieldAliases: notNil(c.FieldAliases), UnknownAction: string(c.UnknownAction),
		MaxFuture: c.MaxFuture.String(), MaxMessageBytes: c.MaxMessageBytes,
		InternalUserIDs: digestOf(c.InternalUserIDs), InternalEmailDomains: digestOf(c.InternalEmailDomains),
		ActionSynonyms: notNil(c.ActionSynonyms), BuiltInSynonyms: transform.SynonymsVersion(), Binary: binary,
	}
}

// notNil keeps "none" one value, also in JSON.
func notNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func digestOf(list []string) Digest {
	if len(list) == 0 {
		return Digest{}
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(list)))
	hash := sha256.Sum256([]byte(strings.Join(sorted, "\n")))
	return Digest{Entries: len(sorted), SHA256: hex.EncodeToString(hash[:])}
}

// SHA256 identifies the rules.
func (r Rules) SHA256() string {
	text, _ := json.Marshal(r) // of texts and numbers, with sorted keys: it cannot fail
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:])
}

// changed names the rules that differ, as their settings.
func (r Rules) changed(now Rules) (names []string) {
	for _, one := range []struct {
		name string
		same bool
	}{
		{"transform.source_timezone", r.SourceTimezone == now.SourceTimezone},
		{"transform.field_aliases", maps.Equal(r.FieldAliases, now.FieldAliases)},
		{"transform.unknown_action", r.UnknownAction == now.UnknownAction},
		{"transform.max_future", r.MaxFuture == now.MaxFuture},
		{"transform.max_message_bytes", r.MaxMessageBytes == now.MaxMessageBytes},
		{"transform.internal_user_ids", r.InternalUserIDs == now.InternalUserIDs},
		{"transform.internal_email_domains", r.InternalEmailDomains == now.InternalEmailDomains},
		{"transform.action_synonyms", maps.Equal(r.ActionSynonyms, now.ActionSynonyms)},
		{"the built-in synonyms of actions", r.BuiltInSynonyms == now.BuiltInSynonyms},
		{"the version of pianola", r.Binary == now.Binary},
	} {
		if !one.same {
			names = append(names, one.name)
		}
	}
	return names
}
