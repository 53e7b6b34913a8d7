package config

import (
	"fmt"
	"io"
)

// mask is what every output shows of a secret that is set.
const mask = "***"

// Secret is a text that no way of printing shows: not fmt with any verb, not
// JSON, YAML or a logger. An empty one is shown as empty, so that one sees
// whether it is set.
type Secret string

// Reveal is the text itself, for the login it is meant for.
func (s Secret) Reveal() string { return string(s) }

// String is the mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// Format is the mask whatever the verb, %x and %#v included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText is the mask, for JSON, YAML and loggers.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML is the mask, for encoders that do not know MarshalText.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }
