package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

func TestLoad_DependentDefaultsFollow(t *testing.T) {
	for set, want := range map[string]string{
		"KAFKA_SESSION_TIMEOUT=6s":                                  "kafka.heartbeat_interval=2s",
		"KAFKA_SESSION_TIMEOUT=45s":                                 "",
		"KAFKA_SESSION_TIMEOUT=60s":                                 "kafka.rebalance_timeout=2m0s",
		"KAFKA_HEARTBEAT_INTERVAL=15s":                              "kafka.session_timeout=45s",
		"KAFKA_HEARTBEAT_INTERVAL=30s":                              "kafka.rebalance_timeout=3m0s kafka.session_timeout=1m30s",
		"KAFKA_REBALANCE_TIMEOUT=12s":                               "kafka.session_timeout=6s kafka.heartbeat_interval=2s clickhouse.insert_timeout=6s",
		"CLICKHOUSE_INSERT_TIMEOUT=1m":                              "kafka.rebalance_timeout=2m0s shutdown.timeout=1m0s",
		"KAFKA_FETCH_MIN_BYTES=2MiB":                                "kafka.fetch_max_bytes=2MiB",
		"TRANSFORM_MAX_MESSAGE_BYTES=128MiB":                        "batch.max_bytes=128MiB",
		"CLICKHOUSE_RETRY_INITIAL=20s":                              "clickhouse.retry.max=20s",
		"CLICKHOUSE_RETRY_MAX=50ms":                                 "clickhouse.retry.initial=50ms",
		"PIANO_RETRY_INITIAL=2m":                                    "piano.retry.max=2m0s",
		"PIANO_RETRY_MAX=100ms":                                     "piano.retry.initial=100ms",
		"KAFKA_SESSION_TIMEOUT=6s,KAFKA_GROUP=gr":                   "kafka.heartbeat_interval=2s",
		"KAFKA_REBALANCE_TIMEOUT=20s,CLICKHOUSE_INSERT_TIMEOUT=10s": "kafka.session_timeout=10s",
	} {
		l := Load(with(strings.Split(set, ",")...))
		if _, err := l.Check(); err != nil {
			t.Errorf("%s: %v", set, err)
		}
		follows := map[string]bool{}
		for _, one := range strings.Fields(want) {
			follows[one] = true
		}
		for _, e := range l.Entries() {
			s := l.byKey[e.Key]
			defaults := Defaults()
			if e.Key == "export.clickhouse_addr" { // always follows: the next test
				continue
			}
			if e.Origin != FromDefault || s.kind == reflect.TypeFor[Secret]() || reflect.DeepEqual(s.in(&l.config), s.in(&defaults)) {
				continue
			}
			one := fmt.Sprintf("%s=%v", e.Key, e.Value)
			if !follows[one] {
				t.Errorf("%s: also changes %s", set, one)
			}
			delete(follows, one)
			if e.Where != s.followRule() || e.Where == "" {
				t.Errorf("%s: %s does not explain its default: %q", set, one, e.Where)
			}
		}
		if len(follows) > 0 {
			t.Errorf("%s: missing %v", set, follows)
		}
	}
}

// TestLoad_ExportAddressFollows: the files of exports come over HTTP, also where
// everything else uses the native protocol.
func TestLoad_ExportAddressFollows(t *testing.T) {
	for set, want := range map[string]string{
		"CLICKHOUSE_ADDR=a:9000,CLICKHOUSE_PROTOCOL=native":                           "[a:8123]",
		"CLICKHOUSE_ADDR=[::1]:9440,CLICKHOUSE_TLS_ENABLED=true":                      "[[::1]:8443]",
		"CLICKHOUSE_ADDR=a:8000,CLICKHOUSE_PROTOCOL=http":                             "[a:8000]",
		"CLICKHOUSE_ADDR=a:8000,CLICKHOUSE_PROTOCOL=http,EXPORT_CLICKHOUSE_ADDR=b:80": "[b:80]",
	} {
		cfg, err := Load(with(strings.Split(set, ",")...)).Check()
		if err != nil {
			t.Errorf("%s: %v", set, err)
		}
		if got := fmt.Sprint(cfg.Export.ClickHouseAddr); got != want {
			t.Errorf("%s: %s", set, got)
		}
		options := cfg.ExportOptions()
		if options.Protocol != clickhouse.HTTP || fmt.Sprint(options.Addr) != want || options.Settings["wait_end_of_query"] != nil {
			t.Errorf("%s: %v to %v with %v", set, options.Protocol, options.Addr, options.Settings)
		}
	}
	if got := mistakes(t, with("CLICKHOUSE_ADDR=http://a:9000")); len(got) != 1 || !strings.HasPrefix(got[0], "clickhouse.addr") {
		t.Errorf("an address that is a mistake is reported twice: %q", got)
	}
}

func TestCheck_ExportSchedule(t *testing.T) {
	for text, want := range map[string]string{
		"stream --to /x --format parquet --every 15m --since last,traits --to s3://b/p?region=a --format=csv --every=24h":                      "",
		"stream --to /x --format csv --every 1h,traits --to /x --format csv --every 1h,stream --to /x --format csv --every 1h --month 2026-10": "export 3: has the view, the format and the destination of export 1",
		"stream --to /x --format parquet":                              "export 1: every: is not a duration",
		"dead_letters --to /x --format parquet --every 1h":             "export 1: view: is not stream",
		"traits --to - --format csv --every 1h":                        "cannot write to standard output",
		"traits --to /x --format csv --every 1h --since last":          "since: needs the stream",
		"traits --to /x y --format csv --every 1h":                     "cannot have spaces",
		"traits --to s3://k:canary@b/ --format csv --every 1h":         "must not contain credentials",
		"stream --to /x --format parquet --every 1h,--view canary":     "export 2: does not begin with a view",
		"stream --to /x --format parquet --every 1h --to canary":       "has --to twice",
		"stream --to /x --format parquet --every":                      "has --every without a value",
		"stream --to /x --format parquet --every 1h --month 2026-13":   "month: is not a month",
		"stream --to /x --format parquet --every 1h --since yesterday": "since: is neither last",
	} {
		got := mistakes(t, with("EXPORT_SCHEDULE="+text))
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want) || strings.Contains(got[0], "canary")) {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// A value that is a mistake itself is the only mistake.
func TestLoad_NoDefaultFollowsAMistake(t *testing.T) {
	for set, key := range map[string]string{
		"KAFKA_SESSION_TIMEOUT=-1s": "kafka.session_timeout", "KAFKA_SESSION_TIMEOUT=soon": "kafka.session_timeout",
		"CLICKHOUSE_INSERT_TIMEOUT=0s": "clickhouse.insert_timeout", "CLICKHOUSE_RETRY_INITIAL=0s": "clickhouse.retry.initial",
	} {
		if got := mistakes(t, with(set)); len(got) == 0 || strings.Contains(fmt.Sprint(got), "heartbeat_interval: -") || !strings.HasPrefix(got[0], key) {
			t.Errorf("%s: got %q", set, got)
		}
	}
}
