package main

import (
	"strings"
	"testing"
)

func TestCompletion_OfValuesAndFiles(t *testing.T) {
	for line, want := range map[string]string{ // the directive of the last line: 0 completes files, 4 nothing else
		"run --log.level":                      "debug info warn error :4",
		"run --log.format":                     "auto json console :4",
		"run --kafka.sasl.mechanism":           "plain scram-sha-256 scram-sha-512 :4",
		"run --consumer.on_data_loss":          "fail continue :4",
		"transform --transform.unknown_action": "keep dead_letter drop :4",
		"migrate --clickhouse.protocol":        "native http :4",
		"subscription upgrade --billing":       "now period_end next_sell_date scheduled_period_end :4",
		"subscription renew":                   "on off :4",
		"access grant --file":                  ":0",
		"access grant --reason":                ":4",
		"run --kafka.group":                    ":4",
		"run --kafka.tls.ca_file":              ":0",
		"run --clickhouse.password_file":       ":0",
		"run --config":                         ":0",
		"reconcile --csv":                      ":0",
		"transform":                            ":0",
		"migrate":                              ":4",
		"completion":                           "bash zsh fish :4",
	} {
		got := call(t, nil, "", append(append([]string{"__complete"}, strings.Fields(line)...), "")...)
		if text := strings.Join(strings.Fields(got.stdout), " "); text != want {
			t.Errorf("%s: got %q, want %q", line, text, want)
		}
	}
	reasons := call(t, nil, "", "__complete", "dlq", "list", "--reason", "")
	if !strings.Contains(reasons.stdout, "invalid_json\n") {
		t.Errorf("dlq list --reason: got %q", reasons.stdout)
	}
}

func TestCompletion_Scripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if got := call(t, nil, "", "completion", shell); got.code != exitDone || !strings.Contains(got.stdout, "__complete") {
			t.Errorf("%s: exit status %d, %d bytes", shell, got.code, len(got.stdout))
		}
	}
	if got := call(t, nil, "", "completion", "tcsh"); got.code != exitUsage {
		t.Errorf("tcsh: %+v", got)
	}
	if got := call(t, nil, "", "--help"); !strings.Contains(got.stdout, "\n  completion ") {
		t.Errorf("help does not list completion:\n%s", got.stdout)
	}
}
