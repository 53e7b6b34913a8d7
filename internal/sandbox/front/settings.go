package front

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
	"github.com/pianola/pianola/internal/sandbox/front/statement"
)

// baseSettings are what every session starts with: without the first a mistyped
// SELECT is an expression, the others give JSON columns a layout that blocks can
// be walked over by.
var baseSettings = map[string]string{
	"implicit_select": "0",
	"output_format_native_write_json_as_string": "1",
}

// setting is one that a client sends with a statement.
type setting struct {
	name, value string
	important   bool // an unknown one is an error; others are ignored then
}

// codeUnknownSetting is UNKNOWN_SETTING.
const codeUnknownSetting = 115

// withSettings runs f with the settings set, and sets them back after it: a
// setting that comes with a statement holds for that statement alone.
func (s *session) withSettings(settings []setting, f func() error) error {
	settings = s.own(settings)
	if len(settings) == 0 {
		return f()
	}
	before, err := s.values(settings)
	if err != nil {
		return err
	}
	var set []setting
	for _, next := range settings {
		err := s.conn.Exec("SET " + next.assignment())
		var refused *libchdb.Error
		if errors.As(err, &refused) && refused.Code == codeUnknownSetting && !next.important {
			continue
		}
		if err != nil {
			return errors.Join(err, s.restore(set, before))
		}
		set = append(set, next)
	}
	err = f()
	if restoring := s.restore(set, before); restoring != nil {
		// The session would go on with another statement's settings.
		s.broken = true
		return errors.Join(err, restoring)
	}
	return err
}

// own drops the settings that the front itself looks after.
func (s *session) own(settings []setting) []setting {
	var kept []setting
	for _, one := range settings {
		switch one.name {
		case "log_comment": // holds the tag by which a statement is killed
		case "readonly": // request.readonly: set in the engine it could not be set back
		default:
			kept = append(kept, one)
		}
	}
	return kept
}

// values gives what the session itself has set, for the settings named. A session
// that has never run SET has none.
func (s *session) values(settings []setting) (map[string]string, error) {
	if !s.dirty {
		return baseSettings, nil
	}
	names := make([]string, len(settings))
	for i, one := range settings {
		names[i] = statement.Literal(one.name)
	}
	text, err := s.conn.Text("SELECT name || '=' || hex(value) FROM system.settings WHERE changed AND name IN (" + strings.Join(names, ", ") + ")")
	if err != nil {
		return nil, fmt.Errorf("read the session's settings: %w", err)
	}
	values := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			continue
		}
		if values[name], err = unhex(value); err != nil {
			return nil, fmt.Errorf("read the session's settings: %w", err)
		}
	}
	return values, nil
}

func (s *session) restore(set []setting, before map[string]string) error {
	var problems []error
	for _, one := range set {
		restored := statement.Identifier(one.name) + " = DEFAULT"
		if value, ok := before[one.name]; ok {
			restored = setting{name: one.name, value: value}.assignment()
		}
		if err := s.conn.Exec("SET " + restored); err != nil {
			problems = append(problems, fmt.Errorf("set %s back: %w", one.name, err))
		}
	}
	return errors.Join(problems...)
}

func (s setting) assignment() string {
	return statement.Identifier(s.name) + " = " + statement.Literal(s.value)
}
