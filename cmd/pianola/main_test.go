package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// outcome is what a run of the program left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// run runs the program without access to the state of this process: a limit of memory would
// keep the garbage collector busy in all later tests.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environment []string) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, environment: environment, now: time.Now, limitMemory: func() {}}
	return a.run(ctx, args)
}

// call runs the program in this process.
func call(t *testing.T, environment []string, stdin string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr, environment)
	return outcome{code, stdout.String(), stderr.String()}
}

// problems is the standard error without the lines of progress that a slow machine adds.
func (o outcome) problems() string {
	var kept []string
	for line := range strings.Lines(o.stderr) {
		if !strings.HasPrefix(line, "progress: ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		args        []string
		environment []string
		want        int
		says        string
	}{
		"help":                          {args: []string{"--help"}, want: exitDone},
		"no command is help":            {want: exitDone},
		"group without command is help": {args: []string{"dlq"}, want: exitDone},
		"version":                       {args: []string{"version"}, want: exitDone},
		"unknown command":               {args: []string{"transfrm"}, want: exitUsage, says: "transform"},
		"unknown command of a group":    {args: []string{"dlq", "lsit"}, want: exitUsage, says: "did you mean list?"},
		"unknown flag":                  {args: []string{"transform", "--nwo", "x"}, want: exitUsage, says: "Try pianola transform --help"},
		"too many arguments":            {args: []string{"transform", "a", "b"}, want: exitUsage},
		"flag of the wrong kind":        {args: []string{"transform", "--transform.max_message_bytes", "big"}, want: exitUsage, says: "is not a size"},
		"secret as the value of a flag": {args: []string{"migrate", "--clickhouse.insert_timeout", "hunter2"}, want: exitUsage, says: "--clickhouse.insert_timeout: is not a duration"},
		"secret instead of a number":    {args: []string{"dlq", "list", "--limit", "hunter2"}, want: exitUsage, says: "--limit: "},
		"secret as a flag":              {args: []string{"migrate", "--clickhouse.password", "x"}, want: exitUsage, says: "use --clickhouse.password_file or PIANOLA_CLICKHOUSE_PASSWORD"},
		"time of the wrong form":        {args: []string{"transform", "--now", "noon"}, want: exitUsage, says: "--now"},
		"reason that does not exist":    {args: []string{"dlq", "list", "--reason", "bad"}, want: exitUsage, says: "invalid_json"},
		"field that does not exist":     {args: []string{"dlq", "list", "--field", "bad"}, want: exitUsage, says: "user_email"},
		"since of the wrong form":       {args: []string{"dlq", "list", "--since", "yesterday"}, want: exitUsage, says: "24h"},
		"coordinates of the wrong form": {args: []string{"dlq", "show", "17"}, want: exitUsage, says: "TOPIC/PARTITION/OFFSET"},
		"bad configuration":             {args: []string{"config", "validate"}, want: exitConfiguration, says: "kafka.brokers"},
		"bad value in the environment":  {args: []string{"transform"}, environment: []string{"PIANOLA_TRANSFORM_MAX_FUTURE=1"}, want: exitConfiguration, says: "transform.max_future"},
		"unknown variable":              {args: []string{"transform"}, environment: []string{"PIANOLA_TRANSFORM_MAX_FUTUR=1h"}, want: exitConfiguration, says: "did you mean PIANOLA_TRANSFORM_MAX_FUTURE?"},
		"missing configuration file":    {args: []string{"transform", "--config", "/nowhere/x.yaml"}, want: exitConfiguration, says: "/nowhere/x.yaml"},
		"missing input":                 {args: []string{"transform", "/nowhere/x.ndjson"}, want: exitFailed, says: "/nowhere/x.ndjson"},
		"nobody answers":                {args: []string{"migrate", "--clickhouse.addr", "127.0.0.1:1"}, want: exitFailed, says: "check clickhouse.addr"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			got := call(t, c.environment, "", c.args...)
			if got.code != c.want {
				t.Errorf("exit status %d, want %d\n%s", got.code, c.want, got.stderr)
			}
			if !strings.Contains(got.stderr, c.says) {
				t.Errorf("standard error does not say %q:\n%s", c.says, got.stderr)
			}
			if strings.Contains(got.stderr, "hunter2") {
				t.Errorf("the message shows a secret: %s", got.stderr)
			}
			if c.want != exitDone && got.stdout != "" {
				t.Errorf("a failure printed a result: %s", got.stdout)
			}
		})
	}
}

func TestHelp_SettingsComeAfterTheFlagsOfTheCommand(t *testing.T) {
	got := call(t, nil, "", "transform", "--help")
	own, settings := strings.Index(got.stdout, "--now"), strings.Index(got.stdout, "--transform.unknown_action")
	if own < 0 || settings < own || strings.Contains(got.stdout, "--kafka.brokers") || !strings.Contains(got.stdout, "Examples:") {
		t.Errorf("help is\n%s", got.stdout)
	}
}

func TestConfigShow_PrintsOriginOfEachValue(t *testing.T) {
	file := write(t, "pianola.yaml", "kafka: {group: from-file}\n")
	environment := []string{"PIANOLA_CONFIG=" + file, "PIANOLA_BATCH_MAX_WAIT=5s", "PIANOLA_CLICKHOUSE_PASSWORD=" + canary}
	got := call(t, environment, "", "config", "show", "--batch.max_rows", "7")
	for key, want := range map[string]string{
		"kafka.group":         "from-file file " + file,
		"batch.max_wait":      "5s environment PIANOLA_BATCH_MAX_WAIT",
		"batch.max_rows":      "7 flag --batch.max_rows",
		"batch.max_bytes":     "64MiB default",
		"clickhouse.password": "*** environment PIANOLA_CLICKHOUSE_PASSWORD",
	} {
		if line := lineOf(got.stdout, key); strings.Join(strings.Fields(line), " ") != key+" "+want {
			t.Errorf("got %q, want %s %s", line, key, want)
		}
	}
	var entries []struct{ Key, Origin string }
	if err := json.Unmarshal([]byte(call(t, environment, "", "config", "show", "--json").stdout), &entries); err != nil || len(entries) < 40 {
		t.Errorf("--json: %d entries, %v", len(entries), err)
	}
}

func lineOf(text, key string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, key+" ") {
			return line
		}
	}
	return ""
}

func TestConfigValidate_OfflineReportsAllMistakes(t *testing.T) {
	good := []string{"PIANOLA_KAFKA_BROKERS=kafka.example.com:9092", "PIANOLA_CLICKHOUSE_ADDR=db.example.com:9000", "PIANOLA_CLICKHOUSE_PASSWORD=" + canary}
	if got := call(t, good, "", "config", "validate"); got.code != exitDone || !strings.Contains(got.stdout, "is valid") || !strings.Contains(got.stdout, "warning: clickhouse.tls.enabled") {
		t.Errorf("good: %+v", got)
	}
	bad := []string{"PIANOLA_KAFKA_BROKERS=kafka", "PIANOLA_LOG_LEVEL=loud"}
	got := call(t, bad, "", "config", "validate")
	for _, key := range []string{"kafka.brokers", "clickhouse.addr", "log.level"} {
		if !strings.Contains(got.stderr, key) {
			t.Errorf("nobody says %s:\n%s", key, got.stderr)
		}
	}
	got = call(t, bad, "", "config", "validate", "--json")
	var found validation
	if err := json.Unmarshal([]byte(got.stdout), &found); err != nil || found.Valid || len(found.Mistakes) != 3 || got.code != exitConfiguration {
		t.Errorf("--json: %v, %+v", err, got)
	}
}

func TestRun_BrokenPipeIsSilentOnlyOnStandardOutput(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"schema", "ddl"}, {"schema", "grants"}, {"config", "show"}} {
		var stderr bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), broken{}, &stderr, nil); code != exitFailed || stderr.Len() > 0 {
			t.Errorf("%v: exit status %d, standard error %q", args, code, stderr.String())
		}
	}
	server := hangsUp(t)
	got := call(t, nil, "", "migrate", "--clickhouse.addr", server)
	if got.code != exitFailed || got.stderr == "" {
		t.Errorf("a server that hangs up: %+v", got)
	}
}

// hangsUp listens and closes every connection at once.
func hangsUp(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

const canary = "canary-4c1d-secret"

func TestSecrets_NotInAnyOutput(t *testing.T) {
	environment := []string{
		"PIANOLA_KAFKA_BROKERS=127.0.0.1:1", "PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1", "PIANOLA_KAFKA_SASL_MECHANISM=plain", "PIANOLA_KAFKA_SASL_USER=u",
		"PIANOLA_KAFKA_SASL_PASSWORD=" + canary, "PIANOLA_CLICKHOUSE_PASSWORD=" + canary, "PIANOLA_PIANO_API_TOKEN=" + canary, "PIANOLA_PIANO_AID=a",
		"PIANOLA_KAFKA_DIAL_TIMEOUT=100ms", "PIANOLA_KAFKA_REQUEST_TIMEOUT=100ms", "PIANOLA_LOG_LEVEL=debug",
	}
	for _, args := range [][]string{
		{"config", "show"}, {"config", "show", "--json"}, {"config", "validate"}, {"config", "validate", "--connect"}, {"config", "validate", "--connect", "--json"},
		{"migrate"}, {"migrate", "--clickhouse.protocol", "http"}, {"migrate", "--dry-run"}, {"dlq", "list"}, {"dlq", "show", "a/0/0"}, {"transform"}, {"version"}, {"--help"}, {"migrate", "--help"},
		{"config", "validate", "--batch.max_rows", "0", "--kafka.isolation", "x"},
	} {
		got := call(t, environment, "", args...)
		if strings.Contains(got.stdout+got.stderr, canary) {
			t.Errorf("%v prints a secret:\n%s%s", args, got.stdout, got.stderr)
		}
	}
}

func TestSchemaDDL_PrintsEveryMigrationOffline(t *testing.T) {
	got := call(t, nil, "", "schema", "ddl", "--clickhouse.database", "elsewhere")
	for _, want := range []string{"CREATE DATABASE IF NOT EXISTS `elsewhere`;", "`elsewhere`.`subscription_events`", "`elsewhere`.`analytics_events`", "-- Migration 1: subscription_events"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if got := call(t, []string{"PIANOLA_CLICKHOUSE_DATABASE=a b"}, "", "schema", "ddl"); got.code != exitConfiguration {
		t.Errorf("a database that cannot be: %+v", got)
	}
}

// TestSchemaFormats_PrintWholeDocuments: what is printed is the whole document, unchanged by
// the escaping of output.
func TestSchemaFormats_PrintWholeDocuments(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // some member of the document
	}{
		{[]string{"schema", "json"}, "urn:pianola:schema:message"},
		{[]string{"schema", "json", "event"}, "urn:pianola:schema:event"},
		{[]string{"schema", "json", "row"}, "urn:pianola:schema:subscription_events"},
		{[]string{"schema", "json", "analytics_events"}, "urn:pianola:schema:analytics_events"},
		{[]string{"schema", "avro"}, "subscription_events"},
		{[]string{"schema", "avro", "subscription_state"}, "subscription_state"},
	} {
		got := call(t, nil, "", c.args...)
		var document map[string]any
		if err := json.Unmarshal([]byte(got.stdout), &document); err != nil || got.code != exitDone {
			t.Fatalf("%v: %v, %+v", c.args, err, got)
		}
		if document["$id"] != c.want && document["name"] != c.want {
			t.Errorf("%v prints another document: %.200s", c.args, got.stdout)
		}
	}
	for _, args := range [][]string{{"schema", "json", "nothing"}, {"schema", "avro", "message"}, {"schema", "avro", "row", "row"}} {
		if got := call(t, nil, "", args...); got.code != exitUsage || got.stdout != "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

func TestRun_InterruptDuringInput(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	input, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	defer typed.Close()
	answers := make(chan []byte)
	code := make(chan int, 1)
	var stderr bytes.Buffer
	go func() { code <- run(ctx, []string{"transform"}, input, chanWriter(answers), &stderr, nil) }()
	if _, err := typed.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	// The answer comes although the input has not ended.
	select {
	case answer := <-answers:
		if string(answer) != "{\"outcome\":\"skipped\"}\n" {
			t.Errorf("got %q", answer)
		}
	case <-time.After(time.Minute):
		t.Fatal("no answer to the first line while the input stays open")
	}
	cancel()
	if got := <-code; got != exitFailed || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit status %d, standard error:\n%s", got, stderr.String())
	}
}

// chanWriter hands each write over.
type chanWriter chan []byte

func (w chanWriter) Write(p []byte) (int, error) {
	w <- bytes.Clone(p)
	return len(p), nil
}
