package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
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
