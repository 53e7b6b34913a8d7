package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// object is a JSON object that keeps the order of its members, so that properties are in
// the documented order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	text := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			text = append(text, ',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := marshal(m.value)
		if err != nil {
			return nil, err
		}
		text = append(append(append(text, name...), ':'), value...)
	}
	return append(text, '}'), nil
}

// marshal is json.Marshal without the escapes of HTML: patterns stay readable.
func marshal(value any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimRight(text.Bytes(), "\n"), err
}

// document is a schema as text, indented, with a line end. It is ASCII: patterns have
// characters that no terminal shows.
func document(schema object) ([]byte, error) {
	compact, err := marshal(schema)
	if err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact, "", "  "); err != nil {
		return nil, err
	}
	var text []byte
	for _, r := range indented.String() {
		switch {
		case r < utf8.RuneSelf:
			text = append(text, byte(r))
		case utf16.RuneLen(r) == 2:
			high, low := utf16.EncodeRune(r)
			text = fmt.Appendf(text, `\u%04x\u%04x`, high, low)
		default:
			text = fmt.Appendf(text, `\u%04x`, r)
		}
	}
	return append(text, '\n'), nil
}

// head begins a schema. name is the last part of its id.
func head(name, title, description string) object {
	return object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "urn:pianola:schema:" + name},
		{"title", title},
		{"description", description},
		{"type", "object"},
	}
}
