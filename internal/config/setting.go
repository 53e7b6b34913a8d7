package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// setting is one key and its properties.
type setting struct {
	key    string
	help   string
	values []string // closed set of accepted values; nil for any value
	kind   reflect.Type
	index  []int // of the field, from Config down
}

// settings lists every key in the order of the struct. Help texts, `config show`
// and docs/configuration.md use this order.
func settings() []setting {
	return walk(reflect.TypeFor[Config](), "", nil)
}

func walk(t reflect.Type, prefix string, index []int) []setting {
	var all []setting
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() {
			continue
		}
		key := prefix + field.Tag.Get("koanf")
		at := append(append([]int(nil), index...), i)
		if field.Type.Kind() == reflect.Struct {
			all = append(all, walk(field.Type, key+".", at)...)
			continue
		}
		s := setting{key: key, help: field.Tag.Get("help"), kind: field.Type, index: at}
		if values := field.Tag.Get("values"); values != "" {
			s.values = strings.Split(values, ",")
		}
		all = append(all, s)
	}
	return all
}

// section is the first part of the key.
func (s setting) section() string { return sectionOf(s.key) }

func sectionOf(key string) string {
	section, _, _ := strings.Cut(key, ".")
	return section
}

// environment is the name of the environment variable.
func (s setting) environment() string {
	return variableName(s.key)
}

func (s setting) secret() bool {
	return s.kind == reflect.TypeFor[Secret]() || s.kind == reflect.TypeFor[Secrets]()
}

// file reports whether the value is the path of a file.
func (s setting) file() bool { return strings.HasSuffix(s.key, "_file") }

// defaultText is the default as a user would write it; empty for none. The default
// of consumer.instance differs between hosts, so it is described instead.
func (s setting) defaultText() string {
	if s.key == "consumer.instance" {
		return "the host name"
	}
	defaults := Defaults()
	text := Entry{Value: s.shown(&defaults)}.Text()
	if _, ok := s.in(&defaults).(time.Duration); ok && text != "0s" { // 24h, not 24h0m0s
		text = zeroUnits.ReplaceAllString(text, "$1")
	}
	return text
}

// zeroUnits are the units of a duration that are 0 after a larger one.
var zeroUnits = regexp.MustCompile(`([hm])(?:0m)?0s$`)

// in reads the setting's value from a Config.
func (s setting) in(c *Config) any {
	return reflect.ValueOf(c).Elem().FieldByIndex(s.index).Interface()
}

// shown is the value in its notation: a secret is masked.
func (s setting) shown(c *Config) any {
	value := s.in(c)
	if d, ok := value.(fmt.Stringer); ok { // Duration, Size, Secret, Secrets
		return d.String()
	}
	return value
}

// typeName is the name of the value's type in help texts.
func (s setting) typeName() string {
	switch s.kind {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[Size]():
		return "size"
	case reflect.TypeFor[[]string]():
		return "list"
	case reflect.TypeFor[map[string]string]():
		return "map"
	case reflect.TypeFor[bool]():
		return "bool"
	case reflect.TypeFor[int](), reflect.TypeFor[float64]():
		return "number"
	case reflect.TypeFor[Secret]():
		return "secret"
	case reflect.TypeFor[Secrets]():
		return "secrets"
	default:
		return "text"
	}
}
