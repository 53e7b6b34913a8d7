package config

import (
	"fmt"
	"io"
)

// mask replaces a set secret in every output.
const mask = "***"

// Secret is a text that fmt, JSON, YAML and loggers print as a mask. An empty secret
// prints as empty text, which shows that it is not set.
type Secret string

// Reveal returns the text, for the login.
func (s Secret) Reveal() string { return string(s) }

// String is the mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// Format is the mask for all verbs, including %x and %#v.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText is the mask, for JSON, YAML and loggers.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML is the mask, for encoders without MarshalText.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// Secrets are several secrets, in their order.
type Secrets []Secret

// String is one mask for all.
func (s Secrets) String() string {
	if len(s) == 0 {
		return ""
	}
	return mask
}
