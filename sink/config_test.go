package sink

import (
	"strings"
	"testing"
)

func TestConfig_Validate(t *testing.T) {
	t.Run("the defaults are valid", func(t *testing.T) {
		if err := Defaults().Validate(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("every mistake is reported at once, with its key path", func(t *testing.T) {
		err := Config{Addr: []string{"nowhere"}, Retry: Retry{Max: -1}}.Validate()
		if err == nil {
			t.Fatal("accepted")
		}
		for _, key := range []string{
			"addr", "protocol", "database", "user", "compression", "insert_timeout", "dial_timeout", "retry.initial", "retry.max",
		} {
			if !strings.Contains(err.Error(), "clickhouse."+key+": ") {
				t.Errorf("clickhouse.%s is not named in:\n%v", key, err)
			}
		}
	})
	t.Run("no address", func(t *testing.T) {
		c := Defaults()
		c.Addr = nil
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "clickhouse.addr") {
			t.Fatal(err)
		}
	})
}

func containsAny(s string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}
