package transform

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	_ "time/tzdata" // source_timezone must be found in an image without zoneinfo
)

// UnknownAction is the handling of an event whose action is not one of the twelve
// (contract §2, stage 5).
type UnknownAction string

// The values of transform.unknown_action.
const (
	KeepUnknown       UnknownAction = "keep"        // stored under its own text, and counted
	DeadLetterUnknown UnknownAction = "dead_letter" // refused as unknown_action
	DropUnknown       UnknownAction = "drop"        // counted as filtered
)

// Config is the configuration under the key transform (contract §1 and §2).
type Config struct {
	// MaxMessageBytes is the size of the largest accepted message, with the
	// Confluent prefix.
	MaxMessageBytes int
	// FieldAliases maps other names to the contract's; an alias of an alias is not allowed.
	FieldAliases map[string]string
	// SourceTimezone is the IANA name of the zone of local times.
	SourceTimezone string
	// MaxFuture is how far in the future an event may be.
	MaxFuture time.Duration
	// InternalUserIDs are compared exactly, case-sensitive.
	InternalUserIDs []string
	// InternalEmailDomains are compared as a whole, ignoring case.
	InternalEmailDomains []string
	UnknownAction        UnknownAction
	// ActionSynonyms maps further texts to the canonical actions. They match as the
	// built-in ones do, by their ASCII letters.
	ActionSynonyms map[string]string
}

// Defaults returns the contract's defaults.
func Defaults() Config {
	return Config{
		MaxMessageBytes: 1 << 20,
		SourceTimezone:  "UTC",
		MaxFuture:       24 * time.Hour,
		UnknownAction:   KeepUnknown,
	}
}

// maxMaxMessageBytes is 1 GiB, the largest record that any broker allows.
const maxMaxMessageBytes = 1 << 30

// maxAliases is the capacity of the name table, far above any use. It is the maximum of
// synonyms too.
const maxAliases = 10_000

// Validate returns all mistakes joined, each with its key path. It does not repeat a text,
// which may be an address or a misplaced password.
func (c Config) Validate() error {
	var errs []error
	var addresses addressFinder
	wrong := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("transform."+key+": "+format, args...))
	}
	if c.MaxMessageBytes < 1 || c.MaxMessageBytes > maxMaxMessageBytes {
		wrong("max_message_bytes", "%d is not between 1 and %d", c.MaxMessageBytes, maxMaxMessageBytes)
	}
	if len(c.FieldAliases) > maxAliases {
		wrong("field_aliases", "%d aliases; at most %d are allowed", len(c.FieldAliases), maxAliases)
	}
	for i, alias := range slices.Sorted(maps.Keys(c.FieldAliases)) {
		target := c.FieldAliases[alias]
		if alias == "" {
			wrong("field_aliases", "an alias is empty; set the name that the messages use")
		}
		if fieldNamed(alias) != noField {
			wrong("field_aliases", "%s is a name of the contract and cannot be an alias", alias)
		}
		if fieldNamed(target) == noField {
			wrong("field_aliases", "alias %d of %d, in alphabetical order, maps to a name that is not a field of the contract", i+1, len(c.FieldAliases))
		}
	}
	if _, err := LoadZone(c.SourceTimezone); err != nil {
		wrong("source_timezone", "%v", err)
	}
	if c.MaxFuture < 0 {
		wrong("max_future", "%s is negative; give how far ahead of the clock events may be, such as 24h", c.MaxFuture)
	}
	for _, id := range c.InternalUserIDs {
		if strings.TrimSpace(id) == "" {
			wrong("internal_user_ids", "an id is blank; it would match nothing")
		}
	}
	for i, domain := range c.InternalEmailDomains {
		domain = strings.TrimSpace(domain)
		if _, ok := addresses.domain([]byte("x@" + domain)); !ok || strings.HasPrefix(domain, ".") { // may be an address, so it is not repeated
			wrong("internal_email_domains", "entry %d is not a domain; give what follows the @, such as example.com", i+1)
		}
	}
	switch c.UnknownAction {
	case KeepUnknown, DeadLetterUnknown, DropUnknown:
	default:
		wrong("unknown_action", "is not one of keep, dead_letter, drop")
	}
	if len(c.ActionSynonyms) > maxAliases {
		wrong("action_synonyms", "%d synonyms; at most %d are allowed", len(c.ActionSynonyms), maxAliases)
	} else if _, mistakes := withSynonyms(c.ActionSynonyms); len(mistakes) > 0 {
		for _, mistake := range mistakes {
			wrong("action_synonyms", "%s", mistake)
		}
	}
	return errors.Join(errs...)
}

// fieldNamed finds a field by its canonical name.
func fieldNamed(name string) field {
	for f, known := range fieldTable {
		if known.name == name {
			return field(f)
		}
	}
	return noField
}
