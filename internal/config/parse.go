package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Mistakes in a value. They never quote the value, because a value under a wrong key
// may be a secret.
var (
	errDuration = errors.New("is not a duration such as 500ms, 30s or 5m")
	errNumber   = errors.New("is not a whole number")
	errDecimal  = errors.New("is not a number such as 5 or 0.5")
	errBool     = errors.New("is not true or false")
	errQuotes   = errors.New("is not text; write it in quotes")
	errList     = errors.New("is not a list of texts; write items that look like numbers in quotes")
	errMap      = errors.New("is not a map of texts such as other: known")
	errPairs    = errors.New("is not a list of pairs such as other:known,another:known")
	errWrapped  = errors.New("is wrapped in quotes, which would be part of the value; remove them (docker run --env-file keeps quotes)")
	errPassword = errors.New("is wrapped in quotes, which would be part of the secret; remove them, or use the _file setting if they belong to it")
	errBrackets = errors.New("is a list in brackets; write a,b,c")
	errControl  = errors.New("contains a control character or a byte order mark, which would be part of the value; remove it (a file with Windows line ends and a YAML block after | add one)")
	errSpace    = errors.New("begins or ends with white space, which would be part of the value; remove it")
)

// parseText reads a value in the notation of environment and flags. Quotes around a value
// are a mistake, and so is a line end: as a part of it they would match nothing, without
// any message.
func (s setting) parseText(text string) (any, error) {
	if isQuoted(text) {
		if s.secret() {
			return nil, errPassword
		}
		return nil, errWrapped
	}
	switch s.kind {
	case reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, errDuration
		}
		return d, nil
	case reflect.TypeFor[Size]():
		return parseSize(text)
	case reflect.TypeFor[int]():
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, errNumber
		}
		return n, nil
	case reflect.TypeFor[float64]():
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, errDecimal
		}
		return f, nil
	case reflect.TypeFor[bool]():
		switch strings.ToLower(text) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, errBool
	case reflect.TypeFor[[]string]():
		if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
			return nil, errBrackets
		}
		return checkedItems(splitList(text))
	case reflect.TypeFor[map[string]string]():
		return splitPairs(text)
	case reflect.TypeFor[Secret]():
		if hasControl(text) {
			return nil, errControl
		}
		return Secret(text), nil
	case reflect.TypeFor[Secrets]():
		if hasControl(text) {
			return nil, errControl
		}
		return secretsOf(splitList(text))
	case reflect.TypeFor[string]():
		switch {
		case hasControl(text):
			return nil, errControl
		case strings.TrimSpace(text) != text:
			return nil, errSpace
		}
		return text, nil
	}
	panic(fmt.Sprintf("config: no parser for %v", s.kind)) // impossible: every test reads every kind
}

// parseYAML reads a value of the YAML parser. It does not convert types: an unquoted
// 0123 is the number 83 in YAML, so it is rejected as a password.
func (s setting) parseYAML(value any) (any, error) {
	switch v := value.(type) {
	case string:
		return s.parseText(v)
	case int:
		switch s.kind {
		case reflect.TypeFor[int](), reflect.TypeFor[Size](), reflect.TypeFor[float64]():
			return s.parseText(strconv.Itoa(v))
		case reflect.TypeFor[time.Duration]():
			if v == 0 {
				return time.Duration(0), nil
			}
		}
	case float64:
		if s.kind == reflect.TypeFor[float64]() {
			return s.parseText(strconv.FormatFloat(v, 'g', -1, 64))
		}
	case bool:
		if s.kind == reflect.TypeFor[bool]() {
			return v, nil
		}
	case []any:
		switch s.kind {
		case reflect.TypeFor[[]string]():
			return textList(v)
		case reflect.TypeFor[Secrets]():
			list, err := textList(v)
			if err != nil {
				return nil, err
			}
			return secretsOf(list)
		}
	case map[string]any:
		if s.kind == reflect.TypeFor[map[string]string]() {
			return textMap(v)
		}
	}
	return nil, s.wrongType()
}

// wrongType is what a value of another YAML type than the setting takes gets.
func (s setting) wrongType() error {
	switch s.kind {
	case reflect.TypeFor[time.Duration]():
		return errDuration
	case reflect.TypeFor[Size]():
		return errSize
	case reflect.TypeFor[int]():
		return errNumber
	case reflect.TypeFor[float64]():
		return errDecimal
	case reflect.TypeFor[bool]():
		return errBool
	case reflect.TypeFor[[]string](), reflect.TypeFor[Secrets]():
		return errList
	case reflect.TypeFor[map[string]string]():
		return errMap
	default:
		return errQuotes
	}
}

func textList(values []any) ([]string, error) {
	list := make([]string, 0, len(values))
	for _, v := range values {
		text, ok := v.(string)
		if !ok {
			return nil, errList
		}
		list = append(list, text)
	}
	return checkedItems(list)
}

// secretsOf rejects quotes, which would be part of a secret.
func secretsOf(list []string) (Secrets, error) {
	secrets := make(Secrets, len(list))
	for i, text := range list {
		if isQuoted(text) {
			return nil, errPassword
		}
		secrets[i] = Secret(text)
	}
	return secrets, nil
}

// checkedItems rejects a list with an item in quotes or with a control character. White
// space around an item has no effect.
func checkedItems(list []string) ([]string, error) {
	for _, item := range list {
		switch {
		case isQuoted(item):
			return nil, errWrapped
		case hasControl(strings.TrimSpace(item)):
			return nil, errControl
		}
	}
	return list, nil
}

// quotes are pairs: those of shells and YAML, and those that editors and web pages make of
// them.
var quotes = []struct{ before, after string }{{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"“", "”"}, {"‘", "’"}, {"„", "“"}, {"«", "»"}}

// isQuoted reports whether the text, without white space around it, begins and ends with
// quotes.
func isQuoted(text string) bool {
	text = strings.TrimSpace(text)
	return slices.ContainsFunc(quotes, func(q struct{ before, after string }) bool {
		return len(text) >= len(q.before)+len(q.after) && strings.HasPrefix(text, q.before) && strings.HasSuffix(text, q.after)
	})
}

// hasControl reports whether a text has a control character or a byte order mark.
func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\ufeff' })
}

func textMap(values map[string]any) (map[string]string, error) {
	m := make(map[string]string, len(values))
	for k, v := range values {
		text, ok := v.(string)
		if !ok {
			return nil, errMap
		}
		if _, err := checkedItems([]string{k, text}); err != nil {
			return nil, err
		}
		m[k] = text
	}
	return m, nil
}

// splitList reads a,b,c. It ignores spaces around items and a trailing comma.
func splitList(text string) []string {
	list := []string{}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// splitPairs reads a:b,c:d.
func splitPairs(text string) (map[string]string, error) {
	m := map[string]string{}
	for _, item := range splitList(text) {
		name, value, found := strings.Cut(item, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if _, err := checkedItems([]string{name, value}); err != nil {
			return nil, err
		}
		if _, twice := m[name]; !found || name == "" || value == "" || twice {
			return nil, errPairs
		}
		m[name] = value
	}
	return m, nil
}
