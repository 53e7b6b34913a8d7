package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCheck_ReportsEveryMistakeTogether(t *testing.T) {
	got := mistakes(t, Source{
		File: file(t, `
kafka:
  brokers: [one, two]
  rebalance_timeout: 30
  sesion_timeout: 10s
clickhouse: off
batch:
  max_bytes: 64MB
  max_rows: many
log:
  level: loud
nonsense: 1
`),
		Environment: []string{"PIANOLA_KAFKA_SASL_MECHANISM=gssapi", "PIANOLA_TRANSFORM_UNKNOWN_ACTION=guess", "PIANOLA_KAFKA_BROKRS=x"},
	})
	for _, want := range []string{
		"kafka.brokers: address 1 is not host:port",
		"kafka.brokers: address 2 is not host:port",
		"kafka.rebalance_timeout: is not a duration such as",
		"kafka.sesion_timeout: unknown setting", "did you mean kafka.session_timeout?",
		"clickhouse: is a section",
		"clickhouse.addr: is empty",
		"batch.max_bytes: is not a size such as",
		"batch.max_rows: is not a whole number",
		"log.level: is not one of",
		"nonsense: unknown setting",
		"kafka.sasl.mechanism: ",
		"transform.unknown_action: ",
		"PIANOLA_KAFKA_BROKRS: unknown setting (in the environment); did you mean PIANOLA_KAFKA_BROKERS?",
	} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, want) }) {
			t.Errorf("nobody says %q", want)
		}
	}
	if t.Failed() {
		t.Log("said:\n" + strings.Join(got, "\n"))
	}
}

func TestCheck_UnreadableValueIsReportedOnce(t *testing.T) {
	got := mistakes(t, Source{Environment: append(slices.Clone(minimal), "PIANOLA_CLICKHOUSE_INSERT_TIMEOUT=soon")})
	if len(got) != 1 || !strings.HasPrefix(got[0], "clickhouse.insert_timeout: is not a duration") {
		t.Errorf("got %q", got)
	}
}

// A file with a slip in it once looked like one that lacks everything too.
func TestCheck_UnreadableFileIsTheOnlyMistake(t *testing.T) {
	for name, path := range map[string]string{"missing": "/nowhere/pianola.yaml", "no_yaml": file(t, "kafka:\n\tbrokers: a:1\n")} {
		t.Run(name, func(t *testing.T) {
			if got := mistakes(t, Source{File: path}); len(got) != 1 || !strings.HasPrefix(got[0], "configuration file") {
				t.Errorf("got %q, want the file alone", got)
			}
			environment := []string{"PIANOLA_CLICKHOUSE_ADDR=nowhere"}
			if got := mistakes(t, Source{File: path, Environment: environment}); len(got) != 2 {
				t.Errorf("got %q, want the file and the address that the environment gives", got)
			}
		})
	}
}

func TestCheck_ConflictingSettings(t *testing.T) {
	for setting, want := range map[string]string{
		"PIANOLA_SHUTDOWN_TIMEOUT=5s":                           "shutdown.timeout: 5s is shorter than clickhouse.insert_timeout",
		"PIANOLA_SHUTDOWN_TIMEOUT=-1s":                          "shutdown.timeout: -1s is not between",
		"PIANOLA_KAFKA_TLS_CA_FILE=/x":                          "kafka.tls.enabled: is false although kafka.tls.ca_file is set",
		"PIANOLA_CLICKHOUSE_DATABASE=a-b":                       "clickhouse.database: ",
		"PIANOLA_KAFKA_BROKERS=user:hunter2@broker:9092":        "kafka.brokers: address 1 contains an @; use host:port such as kafka-1:9092 (a login belongs in kafka.sasl)",
		"PIANOLA_PIANO_API_TOKEN=t":                             "piano.aid: is empty",
		"PIANOLA_PIANO_BASE_URL=http://api.example.com":         "piano.base_url: is http",
		"PIANOLA_PIANO_BASE_URL=api.piano.io":                   "piano.base_url: is not a URL",
		"PIANOLA_PIANO_BASE_URL=https://h/v3?api_token=hunter2": "piano.base_url: contains a login or parameters",
		"PIANOLA_PIANO_PAGE_SIZE=1":                             "piano.page_size: 1 is not between",
		"PIANOLA_PIANO_RATE=0":                                  "piano.rate: 0 is not above 0",
		"PIANOLA_PIANO_RATE=fast":                               "piano.rate: is not a number such as",
		"PIANOLA_PIANO_RATE=NaN":                                "piano.rate: is not a number such as",
		"PIANOLA_PIANO_TIMEOUT=0s":                              "piano.timeout: 0s is not above 0",
		"PIANOLA_PIANO_RETRY_INITIAL=0s":                        "piano.retry.initial: 0s is not above 0 and at most piano.retry.max",
		"PIANOLA_PIANO_RETRY_ATTEMPTS=0":                        "piano.retry.attempts: 0 is below 1",
		"PIANOLA_RECONCILE_INTERVAL=1s":                         "reconcile.interval: 1s is shorter",
		"PIANOLA_RECONCILE_INTERVAL=-1h":                        "reconcile.interval: -1h0m0s is shorter",
		"PIANOLA_RECONCILE_SETTLE=-1s":                          "reconcile.settle: ",
		"PIANOLA_RECONCILE_KEEP=1":                              "reconcile.keep: ",
		"PIANOLA_RECONCILE_DYNAMIC_CANCEL=never":                "reconcile.dynamic_cancel: ",
		"PIANOLA_RECONCILE_STARTED_AT_TOLERANCE=-1s":            "reconcile.started_at_tolerance: ",
		"PIANOLA_RECONCILE_VERIFY=-1":                           "reconcile.verify: ",
		"PIANOLA_HTTP_LISTEN=8080":                              "http.listen: is not host:port",
		"PIANOLA_LOG_FORMAT=xml":                                "log.format: ",
	} {
		got := mistakes(t, Source{Environment: append(slices.Clone(minimal), setting)})
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: got %q, want one mistake that begins %q", setting, got, want)
		}
		if strings.Contains(fmt.Sprint(got), "hunter2") {
			t.Errorf("%s: the message shows a password: %q", setting, got)
		}
	}
}

func TestCheck_ExplicitSettingsConflict(t *testing.T) {
	for want, settings := range map[string][]string{
		"clickhouse.insert_timeout: 20s is more than half of kafka.rebalance_timeout (35s)": {"KAFKA_REBALANCE_TIMEOUT=35s", "CLICKHOUSE_INSERT_TIMEOUT=20s"},
		"kafka.session_timeout: 1m0s is not shorter than kafka.rebalance_timeout":           {"KAFKA_SESSION_TIMEOUT=60s", "KAFKA_REBALANCE_TIMEOUT=60s"},
		"kafka.heartbeat_interval: 3s is more than a third of kafka.session_timeout (6s)":   {"KAFKA_SESSION_TIMEOUT=6s", "KAFKA_HEARTBEAT_INTERVAL=3s"},
		"batch.max_bytes: 64MiB is less than transform.max_message_bytes":                   {"BATCH_MAX_BYTES=64MiB", "TRANSFORM_MAX_MESSAGE_BYTES=128MiB"},
		"piano.retry.initial: 2m0s is not above 0 and at most piano.retry.max":              {"PIANO_RETRY_INITIAL=2m", "PIANO_RETRY_MAX=1m"},
		"shutdown.timeout: 1h0m0s is shorter than clickhouse.insert_timeout":                {"CLICKHOUSE_INSERT_TIMEOUT=2h"},
	} {
		if got := mistakes(t, with(settings...)); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%q: got %q, want one mistake that begins %q", settings, got, want)
		}
	}
}

func TestCheck_Addresses(t *testing.T) {
	for address, want := range map[string]string{
		"kafka:9092": "", "kafka-1.example.com:65535": "", "10.0.0.7:1": "", "[::1]:9092": "", "[fe80::1%eth0]:9092": "", "kafka_1:9092": "",
		"kafka":                       "is not host:port",
		":9092":                       "is not host:port",
		"kafka:":                      "is not host:port",
		"::1:9092":                    "is not host:port",
		"kafka:0":                     "has no port between 1 and 65535",
		"kafka:65536":                 "has no port between 1 and 65535",
		"kafka:-1":                    "has no port between 1 and 65535",
		"kafka:+1":                    "has no port between 1 and 65535",
		"kafka:http":                  "has no port between 1 and 65535",
		"kafka:9092/path":             "contains a path or parameters",
		"kafka:9092?x=1":              "contains a path or parameters",
		"http://kafka:9092":           "is a URL",
		"PLAINTEXT://kafka:9092":      "is a URL",
		"clickhouse://u:p@h:9000?a=b": "is a URL",
		"user:hunter2@kafka:9092":     "contains an @",
		`"kafka:9092`:                 "contains quotes",
		"kaf ka:9092":                 "has a host name with characters other than",
		"käfka:9092":                  "has a host name with characters other than",
	} {
		for _, key := range []string{"kafka.brokers", "clickhouse.addr"} {
			variable := strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
			got := mistakes(t, with(variable+"="+address))
			if want == "" && got != nil || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], key+": address 1 "+want) || !strings.Contains(got[0], "host:port")) {
				t.Errorf("%s=%s: got %q, want %q", key, address, got, want)
			}
		}
	}
	for listen, valid := range map[string]bool{":8095": true, "127.0.0.1:0": true, "0.0.0.0:8080": true, "[::]:8095": true,
		"8095": false, ":": false, ":http": false, ":65536": false, "http://127.0.0.1:8095": false, "127.0.0.1:8095/metrics": false} {
		if got := mistakes(t, with("HTTP_LISTEN="+listen)); (got == nil) != valid {
			t.Errorf("http.listen %q: got %q", listen, got)
		}
	}
}

func TestCheck_OnlyGivenSections(t *testing.T) {
	broken := Source{Environment: []string{"PIANOLA_KAFKA_ISOLATION=some", "PIANOLA_LOG_LEVEL=loud"}}
	if got := mistakes(t, broken, "transform"); got != nil {
		t.Errorf("transform does not need Kafka or the log, got %q", got)
	}
	if got := mistakes(t, broken, "transform", "log"); len(got) != 1 || !strings.HasPrefix(got[0], "log.level") {
		t.Errorf("got %q", got)
	}
	unknown := Source{Environment: []string{"PIANOLA_KAFKA_X=1"}}
	if got := mistakes(t, unknown, "transform"); len(got) != 1 {
		t.Errorf("an unknown setting concerns everybody, got %q", got)
	}
}

// docker run --env-file does not remove quotes. As a part of the value they once switched
// the filter of internal users off, without a message.
func TestLoad_QuotesAroundAValueAreAMistake(t *testing.T) {
	const wrapped, brackets = "is wrapped in quotes", "is a list in brackets"
	for setting, want := range map[string]string{
		`TRANSFORM_INTERNAL_USER_IDS="u1,u2"`:                  wrapped,
		`TRANSFORM_INTERNAL_USER_IDS='u1'`:                     wrapped,
		`TRANSFORM_INTERNAL_USER_IDS=u1, "u2"`:                 wrapped,
		`TRANSFORM_INTERNAL_USER_IDS=["u1","u2"]`:              brackets,
		`TRANSFORM_INTERNAL_EMAIL_DOMAINS="example.com"`:       wrapped,
		`TRANSFORM_FIELD_ALIASES="event_time:event_timestamp"`: wrapped,
		`TRANSFORM_FIELD_ALIASES="event_time":event_timestamp`: wrapped,
		`KAFKA_GROUP="pianola"`:                                wrapped,
		`KAFKA_GROUP= "pianola" `:                              wrapped,
		`KAFKA_BROKERS="kafka:9092"`:                           wrapped,
		`BATCH_MAX_ROWS="1000"`:                                wrapped,
		`KAFKA_TLS_ENABLED="true"`:                             wrapped,
		`CLICKHOUSE_PASSWORD="hunter2"`:                        wrapped,
		`PIANO_AID=""`:                                         wrapped,
		`CLICKHOUSE_PASSWORD="`:                                "",
		`CLICKHOUSE_PASSWORD="a'`:                              "",
		`KAFKA_GROUP=a"b`:                                      "",
	} {
		got := mistakes(t, with(setting))
		if want == "" && got != nil || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%s: got %q, want %q", setting, got, want)
		}
		if strings.Contains(fmt.Sprint(got), "hunter2") {
			t.Errorf("%s: the message shows a password", setting)
		}
	}
	for _, text := range []string{
		"transform: {internal_user_ids: ['\"u1\"']}\n", "transform: {internal_user_ids: '\"u1\"'}\n", "kafka: {group: '\"g\"'}\n",
		"transform: {field_aliases: {other: '\"user_id\"'}}\n",
	} {
		if got := mistakes(t, Source{File: file(t, text), Environment: minimal}); len(got) != 1 || !strings.Contains(got[0], wrapped) {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

// A line end of a file for docker run --env-file, of echo, or of a YAML block is no part of
// a password or a name: the server would refuse the login with a misleading hint.
func TestLoad_ControlCharactersInAValueAreAMistake(t *testing.T) {
	const control, space, wrapped = "contains a control character", "begins or ends with white space", "is wrapped in quotes"
	for setting, want := range map[string]string{
		"CLICKHOUSE_PASSWORD=hunter2\r":                control,
		"CLICKHOUSE_PASSWORD=hunter2\n":                control,
		"CLICKHOUSE_PASSWORD=\ufeffhunter2":            control,
		"CLICKHOUSE_PASSWORD=hunter 2 ":                "",
		"CLICKHOUSE_USER=pianola\r":                    control,
		"KAFKA_GROUP=pianola\r":                        control,
		"KAFKA_GROUP=pianola ":                         space,
		"PIANO_AID= a":                                 space,
		"KAFKA_TOPICS=a.b\r":                           "", // white space around an item has no effect
		"TRANSFORM_INTERNAL_USER_IDS=u1\nu2":           control,
		"TRANSFORM_INTERNAL_EMAIL_DOMAINS=“a.example”": wrapped,
		"TRANSFORM_INTERNAL_USER_IDS=u1,«u2»":          wrapped,
		"TRANSFORM_FIELD_ALIASES=a\tb:user_id":         control,
	} {
		got := mistakes(t, with(setting))
		if want == "" && got != nil || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%q: got %q, want %q", setting, got, want)
		}
		if strings.Contains(fmt.Sprint(got), "hunter2") {
			t.Errorf("%q: the message shows a password", setting)
		}
	}
	for text, want := range map[string]string{
		"clickhouse:\n  password: |\n    hunter2\n":                 control,
		"clickhouse:\n  password: |-\n    hunter2\n":                "",
		"transform:\n  internal_user_ids:\n  - |\n    u1\n    u2\n": control,
	} {
		if got := mistakes(t, Source{File: file(t, text), Environment: minimal}); want == "" && got != nil || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for content, valid := range map[string]bool{"hunter2\r\n": true, "\ufeffhunter2\n": false, "user\nhunter2\n": false, "\xff\xfeh\x00u\x00": false} {
		if got := mistakes(t, with("CLICKHOUSE_PASSWORD_FILE="+file(t, content))); (got == nil) != valid || strings.Contains(fmt.Sprint(got), "hunter2") {
			t.Errorf("file %q: got %q", content, got)
		}
	}
}

func TestFile_SecondDocumentIsAMistake(t *testing.T) {
	for text, want := range map[string]string{
		"kafka: {group: a}\n---\nkafka: {group: b}\n":        "line 3",
		"---\n---\n# here\nkafka: {group: b}\n":              "line 4",
		"kafka: {group: a}\n---\n---\n- hunter2\n":           "line 4",
		"kafka: {group: a}\n...\n---\n{hunter2: [\n":         "line ",
		"kafka: {group: a}\n---\n":                           "",
		"---\nkafka: {group: a}\n...\n":                      "",
		"# only a comment\n":                                 "",
		"%YAML 1.1\n---\nkafka: {group: a}\n--- # nothing\n": "",
	} {
		got := mistakes(t, Source{File: file(t, text), Environment: minimal})
		if want == "" && got != nil || want != "" && (len(got) != 1 || !strings.Contains(got[0], "second YAML document begins at "+want)) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if strings.Contains(fmt.Sprint(got), "hunter2") {
			t.Errorf("%q: the message quotes the file", text)
		}
	}
	// What the second document sets is not reported as missing.
	if got := mistakes(t, Source{File: file(t, "kafka: {brokers: [a:1]}\n---\nclickhouse: {addr: [b:2]}\n")}); len(got) != 1 {
		t.Errorf("got %q", got)
	}
}

func TestFile_SyntaxMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"kafka:\n  group: a\n  group: b\n":         "not a YAML map of settings; check line 3",
		"hunter2 is my password":                   "not a YAML map of settings",
		"kafka: {group: a}\nkafka.group: b\n":      "kafka.group: is set twice",
		"clickhouse: {password: 0123}\n":           "clickhouse.password: is not text; write it in quotes",
		"transform: {internal_user_ids: [17]}\n":   "transform.internal_user_ids: is not a list of texts",
		"transform: {field_aliases: {a: [b]}}\n":   "transform.field_aliases: is not a map of texts",
		"transform: {field_aliases: 'a,b'}\n":      "transform.field_aliases: is not a list of pairs",
		"kafka: {tls: {enabled: perhaps}}\n":       "kafka.tls.enabled: is not true or false",
		"kafka: {sasl: {hunter2: {deep: true}}}\n": "kafka.sasl.hunter2: unknown setting",
	} {
		got := mistakes(t, Source{File: file(t, text), Environment: minimal})
		if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if strings.HasPrefix(text, "hunter2") && strings.Contains(fmt.Sprint(got), "hunter2") {
			t.Errorf("the message quotes the file: %q", got)
		}
	}
	if got := mistakes(t, Source{File: filepath.Join(t.TempDir(), "none.yaml"), Environment: minimal}); len(got) != 1 || !strings.Contains(got[0], "none.yaml") {
		t.Errorf("a file that is missing: got %q", got)
	}
	if got := mistakes(t, Source{File: file(t, "# nothing yet\nkafka:\n"), Environment: minimal}); got != nil {
		t.Errorf("an empty section is no mistake, got %q", got)
	}
}

func TestWarnings_UnprotectedConnections(t *testing.T) {
	open := []string{
		"PIANOLA_KAFKA_BROKERS=kafka.example.com:9092", "PIANOLA_KAFKA_SASL_MECHANISM=plain", "PIANOLA_KAFKA_SASL_USER=u", "PIANOLA_KAFKA_SASL_PASSWORD=p",
		"PIANOLA_CLICKHOUSE_ADDR=db.example.com:9000", "PIANOLA_CLICKHOUSE_PASSWORD=p", "PIANOLA_HTTP_LISTEN=:8095",
	}
	warned := func(environment ...string) []string {
		c, err := Load(Source{Environment: environment}).Check()
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, w := range c.Warnings() {
			keys = append(keys, w.Key)
		}
		return keys
	}
	if got, want := warned(open...), []string{"kafka.sasl.mechanism", "clickhouse.tls.enabled", "http.listen"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := warned(append(open, "PIANOLA_KAFKA_TLS_ENABLED=true", "PIANOLA_CLICKHOUSE_TLS_ENABLED=true", "PIANOLA_HTTP_LISTEN=[::1]:8095")...); got != nil {
		t.Errorf("all closed, and warned of %v", got)
	}
	if got := warned(minimal...); got != nil {
		t.Errorf("all on loopback, and warned of %v", got)
	}
}

// TestWarnings_EntriesThatLookLikeSeveral: a list that is written with another separator is
// one entry, which matches nobody.
func TestWarnings_EntriesThatLookLikeSeveral(t *testing.T) {
	for name, c := range map[string]struct {
		source Source
		want   []string
	}{
		"ids":      {with("TRANSFORM_INTERNAL_USER_IDS=staff-1;staff-2,staff-3,staff-4 staff-5"), []string{"transform.internal_user_ids: entry 1", "transform.internal_user_ids: entry 3"}},
		"a list":   {Source{File: file(t, `transform: {internal_user_ids: ["staff-1,staff-2", "staff-3|staff-4", " staff-5 "]}`), Environment: minimal}, []string{"transform.internal_user_ids: entry 1", "transform.internal_user_ids: entry 2"}},
		"aliases":  {with("TRANSFORM_FIELD_ALIASES=at;when:event_timestamp,the user:user_id"), []string{"transform.field_aliases: entry 1 of 2"}},
		"synonyms": {Source{File: file(t, `transform: {action_synonyms: {"Given up, Left": Canceled, "Left for good": Canceled}}`), Environment: minimal}, []string{"transform.action_synonyms: entry 1 of 2"}},
		"none":     {with("TRANSFORM_INTERNAL_USER_IDS=staff-1, auth0_2 ,sha256:ab.c@d"), nil},
	} {
		c2, err := Load(c.source).Check()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := c2.Warnings()
		for i, w := range got {
			if i < len(c.want) && !strings.HasPrefix(w.String(), c.want[i]) || strings.Contains(w.String(), "staff") {
				t.Errorf("%s: warned of %q", name, w)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: warned of %v, want %v", name, got, c.want)
		}
	}
	// The siblings are mistakes.
	for _, setting := range []string{"KAFKA_BROKERS=127.0.0.1:1;127.0.0.1:2", "CLICKHOUSE_ADDR=127.0.0.1:1;127.0.0.1:2", "EXPORT_CLICKHOUSE_ADDR=127.0.0.1:1;127.0.0.1:2",
		"KAFKA_TOPICS=a;b", "TRANSFORM_INTERNAL_EMAIL_DOMAINS=a.example;b.example", "TRANSFORM_FIELD_ALIASES=at:event_timestamp;who:user_id", "TRANSFORM_ACTION_SYNONYMS=Left:Canceled;Gone:Expired"} {
		if got := mistakes(t, with(setting)); len(got) == 0 {
			t.Errorf("%s is accepted", setting)
		}
	}
}

func TestOff_ExplainsWhyReconciliationIsDisabled(t *testing.T) {
	off := func(environment ...string) string {
		c, err := Load(Source{Environment: append(slices.Clone(minimal), environment...)}).Check()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(c.Off())
	}
	token := []string{"PIANOLA_PIANO_API_TOKEN=t", "PIANOLA_PIANO_AID=a"}
	if got := off(); !strings.Contains(got, "neither piano.api_token nor") {
		t.Errorf("without a token it says %s", got)
	}
	if got := off(append(token, "PIANOLA_RECONCILE_INTERVAL=0s")...); !strings.Contains(got, "is 0") {
		t.Errorf("with an interval of 0 it says %s", got)
	}
	if got := off(token...); got != "[]" {
		t.Errorf("with a token it says %s", got)
	}
}
