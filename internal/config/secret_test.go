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

// theHigherLayerWins combines every secret in a layer with its _file twin in another.
func theHigherLayerWins(t *testing.T) {
	const low, high = "the-lower-one", "the-higher-one"
	for _, key := range []string{"kafka.sasl.password", "clickhouse.password", "piano.api_token"} {
		common := []string{"KAFKA_SASL_MECHANISM=plain", "KAFKA_SASL_USER=u", "PIANO_AID=a"}
		if key != "kafka.sasl.password" {
			common = common[2:]
		}
		yaml := func(key, value string) string {
			parts := strings.Split(key, ".")
			return file(t, strings.Join(parts, ": {")+": "+value+strings.Repeat("}", len(parts)-1))
		}
		variable := strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		environment := func(more ...string) Source { return with(append(slices.Clone(common), more...)...) }
		for name, s := range map[string]Source{
			"file twin, environment secret": func() Source {
				s := environment(variable + "=" + high)
				s.File = yaml(key+"_file", file(t, low))
				return s
			}(),
			"missing file twin, environment secret": func() Source {
				s := environment(variable + "=" + high)
				s.File = yaml(key+"_file", "/nowhere/"+canary)
				return s
			}(),
			"file secret, environment twin": func() Source {
				s := environment(variable + "_FILE=" + file(t, high))
				s.File = yaml(key, low)
				return s
			}(),
			"file secret, flag twin": func() Source {
				s := environment()
				s.File, s.Flags = yaml(key, low), flags(t, "--"+key+"_file="+file(t, high))
				return s
			}(),
			"environment secret, flag twin": func() Source {
				s := environment(variable + "=" + low)
				s.Flags = flags(t, "--"+key+"_file="+file(t, high))
				return s
			}(),
			"file twin, flag twin": func() Source {
				s := environment()
				s.File, s.Flags = yaml(key+"_file", file(t, low)), flags(t, "--"+key+"_file="+file(t, high))
				return s
			}(),
		} {
			l := Load(s)
			c, err := l.Check()
			if err != nil {
				t.Errorf("%s: %s: %v", key, name, err)
				continue
			}
			if got := l.byKey[key].in(&c).(Secret).Reveal(); got != high {
				t.Errorf("%s: %s: got %q", key, name, got)
			}
			if shown := fmt.Sprint(l.Entries()); strings.Contains(shown, canary) {
				t.Errorf("%s: %s: config show prints the value of the twin that does not apply: %s", key, name, shown)
			}
		}
	}
}

// freeText are the settings whose values are names: no check can tell one from a secret.
var freeText = []string{"kafka.topics", "kafka.group", "kafka.client_id", "kafka.sasl.user", "kafka.tls.server_name", "clickhouse.tls.server_name",
	"clickhouse.database", "clickhouse.user", "consumer.instance", "transform.field_aliases", "transform.action_synonyms", "transform.internal_user_ids",
	"transform.internal_email_domains", "piano.aid", "console.oidc_client_id", "console.oidc_groups_claim", "console.header_user", "console.header_groups"}

// TestSecrets_NoOutputShowsAMisplacedSecret puts passwords where people put them by mistake:
// in every setting, from every source.
func TestSecrets_NoOutputShowsAMisplacedSecret(t *testing.T) {
	for _, s := range settings() {
		for _, value := range []string{
			canary, "svc:" + canary + "@host:9093", "https://svc:" + canary + "@host/api", "https://host/api?password=" + canary, "https://host/api#" + canary,
			"clickhouse://svc:" + canary + "@host:9000/db?password=" + canary, "host:9000?password=" + canary, canary + ":9000/" + canary,
			"host:" + canary, "-----BEGIN PRIVATE KEY-----\n" + canary + "\n", "a:" + canary + ",b:" + canary, `"` + canary + `"`,
		} {
			sources := map[string]Source{
				"environment": with(strings.TrimPrefix(s.environment(), environmentPrefix)+"="+value, "KAFKA_TLS_ENABLED=true"),
				"file":        {File: nested(t, s.key, value), Environment: minimal},
			}
			if !s.secret() {
				set := pflag.NewFlagSet("test", pflag.ContinueOnError)
				AddFlags(set)
				if set.Set(s.key, value) == nil {
					sources["flag"] = Source{Environment: minimal, Flags: set}
				}
			}
			for name, source := range sources {
				l := Load(source)
				if _, err := l.Check(); err != nil && strings.Contains(err.Error(), canary) {
					t.Errorf("%s=%q (%s): the error shows it: %v", s.key, value, name, err)
				}
				for _, one := range append(l.Off(), l.config.Warnings()...) {
					if strings.Contains(one.String(), canary) {
						t.Errorf("%s=%q (%s): shown in %q", s.key, value, name, one)
					}
				}
				if slices.Contains(freeText, s.key) {
					continue
				}
				text, err := json.Marshal(l.Entries())
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(text), canary) || strings.Contains(fmt.Sprint(l.Entries()), canary) {
					t.Errorf("%s=%q (%s): config show prints it", s.key, value, name)
				}
			}
		}
	}
}

// nested is a file with one setting.
func nested(t *testing.T, key, value string) string {
	t.Helper()
	quoted, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(key, ".")
	return file(t, strings.Join(parts, ": {")+": "+string(quoted)+strings.Repeat("}", len(parts)-1))
}

func TestSecrets_FilesThatExistAreShown(t *testing.T) {
	path := file(t, canary)
	for _, e := range Load(with("CLICKHOUSE_PASSWORD_FILE=" + path)).Entries() {
		if e.Key == "clickhouse.password_file" && e.Value != path {
			t.Errorf("got %v", e.Value)
		}
	}
}

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
			File:        file(t, "kafka: {sasl: {mechanism: plain, user: u, password: "+canary+", password_file: "+secretFile+"}}"),
			Environment: minimal,
		}
		got := mistakes(t, s)
		if len(got) != 1 || !strings.HasPrefix(got[0], "kafka.sasl.password_file: conflicts with kafka.sasl.password") {
			t.Errorf("got %q", got)
		}
		got = mistakes(t, with("CLICKHOUSE_PASSWORD="+canary, "CLICKHOUSE_PASSWORD_FILE="+secretFile))
		if len(got) != 1 || !strings.HasPrefix(got[0], "clickhouse.password_file: conflicts with clickhouse.password") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("the_higher_layer_wins", theHigherLayerWins)
	t.Run("a_missing_or_empty_file_is_one_mistake", func(t *testing.T) {
		for _, path := range []string{filepath.Join(t.TempDir(), "none"), file(t, "\n"), file(t, strings.Repeat("x", maxSecret+1)), t.TempDir()} {
			got := mistakes(t, Source{Environment: append(slices.Clone(minimal), "PIANOLA_KAFKA_SASL_MECHANISM=plain", "PIANOLA_KAFKA_SASL_USER=u", "PIANOLA_KAFKA_SASL_PASSWORD_FILE="+path)})
			if len(got) != 1 || !strings.HasPrefix(got[0], "kafka.sasl.password_file: ") {
				t.Errorf("%s: got %q", path, got)
			}
		}
	})
	t.Run("several_have_their_notations", func(t *testing.T) {
		first, second := strings.Repeat("a, ", 12), strings.Repeat("b", 32)
		key := "ERASURE_KEY=" + strings.Repeat("k", 32)
		listed := with(key)
		listed.File = file(t, `erasure: {old_keys: ["`+first+`", "`+second+`"]}`)
		for name, c := range map[string]struct {
			source Source
			want   []string
		}{
			"in the environment": {with(key, "ERASURE_OLD_KEYS="+second+", "+strings.ToUpper(second)), []string{second, strings.ToUpper(second)}},
			"in a list":          {listed, []string{first, second}},
			"in their file":      {with(key, "ERASURE_OLD_KEYS_FILE="+file(t, first+"\r\n\n"+second+"\n")), []string{first, second}},
		} {
			l := Load(c.source)
			settings, err := l.Check()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var got []string
			for _, one := range settings.Erasure.OldKeys {
				got = append(got, one.Reveal())
			}
			if !slices.Equal(got, c.want) || len(settings.SuppressionKeys()) != 3 {
				t.Errorf("%s: got %q, %d keys", name, got, len(settings.SuppressionKeys()))
			}
			shown := fmt.Sprint(l.Entries(), settings.Erasure, settings.Erasure.OldKeys)
			if asJSON, err := json.Marshal([]any{l.Entries(), settings.Erasure}); err != nil || strings.Contains(string(asJSON)+shown, second) {
				t.Errorf("%s: shown (%v)", name, err)
			}
		}
		for want, s := range map[string]Source{
			"erasure.old_keys: key 2 is shorter than 32 characters":                 with(key, "ERASURE_OLD_KEYS="+second+",short"),
			"erasure.key: is empty although erasure.old_keys is set":                with("ERASURE_OLD_KEYS=" + second),
			"erasure.old_keys_file: the file is empty":                              with(key, "ERASURE_OLD_KEYS_FILE="+file(t, "\n\n")),
			"erasure.old_keys_file: the file has a control character":               with(key, "ERASURE_OLD_KEYS_FILE="+file(t, second+"\t\n")),
			"erasure.old_keys_file: conflicts with erasure.old_keys; set only one":  with(key, "ERASURE_OLD_KEYS="+second, "ERASURE_OLD_KEYS_FILE="+file(t, second)),
			"erasure.old_keys: is wrapped in quotes, which would be part of the se": with(key, `ERASURE_OLD_KEYS=`+second+`,"`+first[:1]+`"`),
		} {
			if got := mistakes(t, s); len(got) != 1 || !strings.HasPrefix(got[0], want) || strings.Contains(got[0], second) {
				t.Errorf("got %q, want %q", got, want)
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
