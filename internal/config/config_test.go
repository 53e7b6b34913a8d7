package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// minimal is the least that makes a valid configuration.
var minimal = []string{"PIANOLA_KAFKA_BROKERS=127.0.0.1:9092", "PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:9000"}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pianola.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// with is minimal and more variables, without the prefix.
func with(variables ...string) Source {
	s := Source{Environment: slices.Clone(minimal)}
	for _, one := range variables {
		name, _, _ := strings.Cut(one, "=")
		s.Environment = slices.DeleteFunc(s.Environment, func(v string) bool { return strings.HasPrefix(v, environmentPrefix+name+"=") })
		s.Environment = append(s.Environment, environmentPrefix+one)
	}
	return s
}

func flags(t *testing.T, arguments ...string) *pflag.FlagSet {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(set)
	if err := set.Parse(arguments); err != nil {
		t.Fatal(err)
	}
	return set
}

// mistakes are the problems of a source, as lines.
func mistakes(t *testing.T, s Source, sections ...string) []string {
	t.Helper()
	_, err := Load(s).Check(sections...)
	if err == nil {
		return nil
	}
	var all *Error
	if !errors.As(err, &all) {
		t.Fatalf("%T is no *Error", err)
	}
	var lines []string
	for _, p := range all.Problems {
		lines = append(lines, p.String())
	}
	return lines
}

func TestLoad_DefaultsMatchContract(t *testing.T) {
	c, err := Load(Source{Environment: minimal}).Check()
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]any{
		"kafka.topics":                {c.Kafka.Topics, []string{"piano.subscriber-events"}},
		"clickhouse.protocol":         {c.ClickHouse.Protocol, "native"},
		"clickhouse.database":         {c.ClickHouse.Database, "piano"},
		"clickhouse.insert_timeout":   {c.ClickHouse.InsertTimeout, 20 * time.Second},
		"kafka.rebalance_timeout":     {c.Kafka.RebalanceTimeout, 60 * time.Second},
		"kafka.session_timeout":       {c.Kafka.SessionTimeout, 30 * time.Second},
		"batch.max_rows":              {c.Batch.MaxRows, 200_000},
		"batch.max_bytes":             {c.Batch.MaxBytes, Size(64 << 20)},
		"batch.max_wait":              {c.Batch.MaxWait, time.Second},
		"consumer.on_data_loss":       {c.Consumer.OnDataLoss, "fail"},
		"transform.max_message_bytes": {c.Transform.MaxMessageBytes, Size(1 << 20)},
		"transform.max_future":        {c.Transform.MaxFuture, 24 * time.Hour},
		"transform.source_timezone":   {c.Transform.SourceTimezone, "UTC"},
		"transform.unknown_action":    {c.Transform.UnknownAction, "keep"},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s is %v, want %v (contract §5)", what, pair[0], pair[1])
		}
	}
	if !loopback(c.HTTP.Listen) {
		t.Errorf("http.listen is %s, want loopback", c.HTTP.Listen)
	}
}

func TestLoad_FlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	s := Source{File: file(t, "kafka:\n  brokers: [file:1]\n  group: file\n  client_id: file\nclickhouse:\n  addr: file:2\n")}
	s.Environment = []string{"PIANOLA_KAFKA_BROKERS=env:1, env:2,", "PIANOLA_KAFKA_GROUP=env", "PIANOLA_CLICKHOUSE_USER=", "HOME=x"}
	s.Flags = flags(t, "--kafka.brokers=flag:1")
	l := Load(s)
	c, err := l.Check()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%v %s %s %v %s", c.Kafka.Brokers, c.Kafka.Group, c.Kafka.ClientID, c.ClickHouse.Addr, c.ClickHouse.User); got != "[flag:1] env file [file:2] default" {
		t.Errorf("got %s", got)
	}
	where := map[string]string{}
	for _, e := range l.Entries() {
		where[e.Key] = strings.TrimSpace(e.Origin + " " + strings.Replace(e.Where, s.File, "FILE", 1))
	}
	for key, want := range map[string]string{
		"kafka.brokers": "flag --kafka.brokers", "kafka.group": "environment PIANOLA_KAFKA_GROUP",
		"kafka.client_id": "file FILE", "clickhouse.user": "default",
	} {
		if where[key] != want {
			t.Errorf("%s comes from %q, want %q", key, where[key], want)
		}
	}
}

func TestLoad_ReadsEveryKindFromEverySource(t *testing.T) {
	want := func(t *testing.T, s Source) {
		t.Helper()
		s.Environment = append(slices.Clone(minimal), s.Environment...)
		c, err := Load(s).Check()
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(c.Batch.MaxRows, c.Batch.MaxBytes, c.Batch.MaxWait, c.Kafka.TLS.Enabled, c.Transform.InternalUserIDs, c.Transform.FieldAliases, c.Piano.Rate)
		if got != "1000 32MiB 250ms true [a b] map[event_time:event_timestamp sub:subscription_id] 2.5" {
			t.Errorf("got %s", got)
		}
	}
	t.Run("file", func(t *testing.T) {
		want(t, Source{File: file(t, `
batch: {max_rows: 1000, max_bytes: 32MiB, max_wait: 250ms}
kafka: {tls: {enabled: true}}
piano: {rate: 2.5}
transform:
  internal_user_ids: [a, b]
  field_aliases:
    event_time: event_timestamp
    sub: subscription_id
`)})
	})
	t.Run("environment", func(t *testing.T) {
		want(t, Source{Environment: []string{
			"PIANOLA_BATCH_MAX_ROWS=1000", "PIANOLA_BATCH_MAX_BYTES=33554432", "PIANOLA_BATCH_MAX_WAIT=0.25s", "PIANOLA_KAFKA_TLS_ENABLED=True",
			"PIANOLA_TRANSFORM_INTERNAL_USER_IDS=a,b", "PIANOLA_TRANSFORM_FIELD_ALIASES=event_time:event_timestamp, sub : subscription_id",
			"PIANOLA_PIANO_RATE=2.5", "PIANOLA_LIBCHDB=x", "PIANOLA_CONFIG=y",
		}})
	})
	t.Run("flags", func(t *testing.T) {
		want(t, Source{Flags: flags(t, "--batch.max_rows", "1000", "--batch.max_bytes", "32MiB", "--batch.max_wait", "250ms", "--kafka.tls.enabled", "--piano.rate", "2.5",
			"--transform.internal_user_ids", "a,b", "--transform.field_aliases", "event_time:event_timestamp,sub:subscription_id")})
	})
}

// Kubernetes sets these in every container of a namespace with a service called pianola,
// pianola-metrics and so on. Once every command, the health probe included, ended with
// status 78.
func TestLoad_IgnoresServiceLinks(t *testing.T) {
	var links []string
	for _, service := range []string{"", "METRICS_", "KAFKA_", "KAFKA_UI_", "CONFIG_", "HTTP_2_", "PORT_", "SERVICE_"} {
		for _, one := range []string{
			"SERVICE_HOST=10.0.0.7", "SERVICE_PORT=8095", "SERVICE_PORT_HTTP=8095", "SERVICE_PORT_HTTP_METRICS=8095", "PORT=tcp://10.0.0.7:8095",
			"PORT_8095_TCP=tcp://10.0.0.7:8095", "PORT_8095_TCP_PROTO=tcp", "PORT_8095_TCP_PORT=8095", "PORT_8095_TCP_ADDR=10.0.0.7",
			"PORT_53_UDP=udp://[fd00::7]:53", "PORT_53_UDP_ADDR=fd00::7", "PORT_9_SCTP_PROTO=sctp",
		} {
			links = append(links, service+one)
		}
	}
	for _, sections := range [][]string{nil, {"http"}, {"clickhouse"}} {
		if got := mistakes(t, with(links...), sections...); got != nil {
			t.Errorf("%v: got %q", sections, got)
		}
	}
	for _, mistake := range []string{"PORT=8095", "HTTP_PORT=8095", "PORT_8095=x", "SERVICE=x", "SERVICE_HOSTS=x", "PORT_X_TCP=tcp://a:1", "KAFKA_BROKERS_=a:1"} {
		if got := mistakes(t, with(mistake)); len(got) != 1 || !strings.Contains(got[0], "unknown setting") {
			t.Errorf("%s: got %q", mistake, got)
		}
	}
	for _, s := range settings() {
		if isServiceLink(s.environment(), "tcp://10.0.0.7:8095") {
			t.Errorf("%s looks like a service link", s.environment())
		}
	}
}

func TestSettings_EveryKeyIsUsable(t *testing.T) {
	seen := map[string]string{}
	for _, s := range settings() {
		if s.help == "" {
			t.Errorf("%s has no help", s.key)
		}
		if other, taken := seen[s.environment()]; taken {
			t.Errorf("%s and %s share the variable %s", s.key, other, s.environment())
		}
		seen[s.environment()] = s.key
		if slices.Contains(otherVariables, s.environment()) {
			t.Errorf("%s takes a variable that means something else", s.key)
		}
		if _, err := s.parseText("1"); err != nil && s.typeName() == "text" {
			t.Errorf("%s: %v", s.key, err)
		}
		if s.secret() && !slices.ContainsFunc(settings(), func(o setting) bool { return o.key == s.key+"_file" }) {
			t.Errorf("%s has no _file twin", s.key)
		}
	}
}
