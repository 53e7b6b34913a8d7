package config

import (
	"reflect"
	"strings"
	"time"
)

// setting is one key and what belongs to it.
type setting struct {
	key   string
	help  string
	kind  reflect.Type
	index []int // of the field, from Config down
}

// settings lists every key in the order of the struct, which is the order of
// help texts and of `config show`.
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
		all = append(all, setting{key: key, help: field.Tag.Get("help"), kind: field.Type, index: at})
	}
	return all
}

// section is the key's first part.
func (s setting) section() string { return sectionOf(s.key) }

func sectionOf(key string) string {
	section, _, _ := strings.Cut(key, ".")
	return section
}

// environment is the name of the variable.
func (s setting) environment() string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

func (s setting) secret() bool { return s.kind == reflect.TypeFor[Secret]() }

// in reads the setting's value out of a Config.
func (s setting) in(c *Config) any {
	return reflect.ValueOf(c).Elem().FieldByIndex(s.index).Interface()
}

// typeName is what help texts call the kind of value.
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
	default:
		return "text"
	}
}
