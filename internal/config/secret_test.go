package config

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

const canary = "canary-9f27-secret"

func TestSecrets(t *testing.T) {
	secretFile := file(t, canary+"\r\n")
	t.Run("come_from_their_files", func(t *testing.T) {
		l := Load(Source{Environment: append(slices.Clone(minimal), "PIANOLA_CLICKHOUSE_PASSWORD_FILE="+secretFile, "PIANOLA_PIANO_API_TOKEN_FILE="+secretFile, "PIANOLA_PIANO_AID=a")})
		c, err := l.Check()
		if err != nil {
			t.Fatal(err)
		}
		if c.SinkConfig().Password != canary || c.ClickHouseOptions().Auth.Password != canary || c.Piano.APIToken.Reveal() != canary {
			t.Error("the file's secret did not arrive")
		}
	})
	t.Run("are_given_once", func(t *testing.T) {
		s := Source{
			File:        file(t, "kafka: {sasl: {mechanism: plain, user: u, password: "+canary+"}}"),
			Environment: append(slices.Clone(minimal), "PIANOLA_KAFKA_SASL_PASSWORD_FILE="+secretFile),
		}
		got := mistakes(t, s)
		if len(got) != 1 || !strings.HasPrefix(got[0], "kafka.sasl.password_file: conflicts with kafka.sasl.password") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a_missing_or_empty_file_is_one_mistake", func(t *testing.T) {
		for _, path := range []string{filepath.Join(t.TempDir(), "none"), file(t, "\n"), file(t, strings.Repeat("x", maxSecret+1)), t.TempDir()} {
			got := mistakes(t, Source{Environment: append(slices.Clone(minimal), "PIANOLA_KAFKA_SASL_MECHANISM=plain", "PIANOLA_KAFKA_SASL_USER=u", "PIANOLA_KAFKA_SASL_PASSWORD_FILE="+path)})
			if len(got) != 1 || !strings.HasPrefix(got[0], "kafka.sasl.password_file: ") {
				t.Errorf("%s: got %q", path, got)
			}
		}
	})
	t.Run("are_no_flags", func(t *testing.T) {
		flags(t).VisitAll(func(f *pflag.Flag) {
			if f.Name == "clickhouse.password" || f.Name == "kafka.sasl.password" || f.Name == "piano.api_token" {
				t.Errorf("--%s shows in every process list", f.Name)
			}
		})
	})
	t.Run("are_never_printed", func(t *testing.T) {
		l := Load(Source{Environment: append(slices.Clone(minimal), "PIANOLA_CLICKHOUSE_PASSWORD="+canary, "PIANOLA_PIANO_API_TOKEN="+canary, "PIANOLA_PIANO_AID=a",
			"PIANOLA_KAFKA_SASL_MECHANISM=plain", "PIANOLA_KAFKA_SASL_USER=u", "PIANOLA_KAFKA_SASL_PASSWORD="+canary)})
		c, err := l.Check()
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := json.Marshal(l.Entries())
		if err != nil {
			t.Fatal(err)
		}
		secret := c.ClickHouse.Password
		printed := fmt.Sprintf("%v %+v %#v %s %q %x %d %s %s %v", c, c, c, secret, secret, secret, secret, asJSON, entries, l.Entries())
		if strings.Contains(printed, canary) || strings.Contains(printed, fmt.Sprintf("%x", canary)) {
			t.Error("a secret was printed")
		}
		if !strings.Contains(string(entries), `"clickhouse.password","value":"***"`) {
			t.Errorf("a secret that is set should show as a mask: %s", entries)
		}
	})
}
