package config

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

const referencePage = "../../docs/configuration.md"

// TestReference_PageMatchesSettings keeps docs/configuration.md complete.
func TestReference_PageMatchesSettings(t *testing.T) {
	want := reference()
	if *update {
		if err := os.WriteFile(referencePage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) == want {
		return
	}
	have := strings.Split(string(got), "\n")
	for i, line := range strings.Split(want, "\n") {
		if i >= len(have) || have[i] != line {
			t.Fatalf("docs/configuration.md is stale from line %d; run\n\n  go test ./internal/config -run Reference -update\n\nit should say\n%s", i+1, line)
		}
	}
	t.Fatal("docs/configuration.md is stale: it has extra lines; run go test ./internal/config -run Reference -update")
}

// TestReference_AcceptsExactlyTheDocumentedValues compares the values tags with the
// checks of the packages.
func TestReference_AcceptsExactlyTheDocumentedValues(t *testing.T) {
	for _, s := range settings() {
		if len(s.values) == 0 {
			continue
		}
		complains := func(value string) bool {
			found := mistakes(t, Source{Environment: append(slices.Clone(minimal), s.environment()+"="+value)})
			return slices.ContainsFunc(found, func(line string) bool { return strings.HasPrefix(line, s.key+": ") })
		}
		for _, value := range s.values {
			if complains(value) {
				t.Errorf("%s: %s is documented and rejected", s.key, value)
			}
		}
		if !complains("nonsense") {
			t.Errorf("%s accepts any value", s.key)
		}
	}
}

// reference is the page: a table for each section.
func reference() string {
	var b strings.Builder
	b.WriteString(`# Configuration reference

<!-- Generated from internal/config/config.go. Do not edit: run go test ./internal/config -run Reference -update -->

Every setting can come from four places. The first place that has it wins:

1. a flag: ` + "`--kafka.group pianola`" + `
2. an environment variable: ` + "`PIANOLA_KAFKA_GROUP=pianola`" + ` (an empty variable counts as not set)
3. a YAML file, named by ` + "`--config`" + ` or ` + "`PIANOLA_CONFIG`" + `
4. the default

` + "`pianola config show`" + ` prints each value and where it comes from. ` + "`pianola config validate`" + ` reports every mistake at once.
A default that depends on another setting follows it, as the tables below show: with ` + "`kafka.session_timeout: 6s`" + ` the heartbeat interval is 2s.

An unknown key is a mistake, and so are a second YAML document, a value in quotes and one with a line end: ` + "`docker run --env-file`" + ` passes quotes and Windows line ends on.
The variables that Kubernetes sets for a service called ` + "`pianola`" + ` or ` + "`pianola-…`" + ` are ignored (` + "`PIANOLA_SERVICE_HOST`, `PIANOLA_PORT`, `PIANOLA_PORT_8095_TCP_ADDR`" + `).
An address is ` + "`host:port`" + `, without scheme, login and path. A file looks like this:

` + "```yaml" + `
kafka:
  brokers: [kafka-1:9092, kafka-2:9092]
  sasl:
    mechanism: scram-sha-512
    user: pianola
    password_file: /run/secrets/kafka
clickhouse:
  addr: [clickhouse:9000]
  password_file: /run/secrets/clickhouse
batch:
  max_wait: 5s
` + "```" + `

| type | notation |
|---|---|
| text, number, bool | as in YAML; write text that looks like a number in quotes |
| duration | ` + "`500ms`, `30s`, `5m`, `24h`" + ` |
| size | bytes, or ` + "`512KiB`, `64MiB`, `1GiB`" + ` |
| list | a YAML list; in flags and environment ` + "`a,b,c`" + ` |
| map | a YAML map; in flags and environment ` + "`a:b,c:d`" + ` |
| secret | text that no output shows; it has no flag. Its twin with ` + "`_file`" + ` names a file to read it from. Set one of the two; when both are set in different places, the first place of the list above wins. |
| secrets | a YAML list of secrets; in the environment ` + "`a,b`" + `; in the file of the twin one a line |

No output shows a secret. ` + "`pianola config show`" + ` also masks a text that may be a misplaced secret: one with a mistake, and a file name that leads to no file.
`)
	sections := reflect.TypeFor[Config]()
	all := settings()
	for i := range sections.NumField() {
		name := sections.Field(i).Tag.Get("koanf")
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| setting | environment | type | default | description |\n|---|---|---|---|---|\n", name, sections.Field(i).Tag.Get("help"))
		for _, s := range all {
			if s.section() == name {
				fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", s.key, s.environment(), s.typeName(), s.defaultColumn(), s.description())
			}
		}
	}
	return b.String()
}

// description is the help text with the accepted values and the twin of a secret.
func (s setting) description() string {
	text := s.help
	if len(s.values) > 0 {
		text += ". One of `" + strings.Join(s.values, "`, `") + "`"
	}
	if s.secret() {
		text += ". Alternative: `" + s.key + "_file`"
	}
	if !strings.HasPrefix(text, "host:port") {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return text + "."
}

// defaultColumn is the default and the rule by which it follows other settings.
func (s setting) defaultColumn() string {
	text := code(s.defaultText())
	if rule := s.followRule(); rule != "" {
		if s.defaultText() == "" {
			text = ""
		} else {
			text += ", "
		}
		text += regexp.MustCompile(`[a-z]+\.[a-z_.]+`).ReplaceAllString(rule, "`$0`")
	}
	return text
}

// code formats a default value. Text with spaces is a description, not a value.
func code(text string) string {
	switch {
	case text == "":
		return "none"
	case strings.Contains(text, " "):
		return text
	default:
		return "`" + text + "`"
	}
}
