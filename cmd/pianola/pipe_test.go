package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A named pipe without a writer does not keep a command from ending: transform waits for
// the writer until it is interrupted, as for a file of settings or of a secret. A
// subscription log cannot be a pipe at all.
func TestNamedPipe_DoesNotHoldACommand(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{
		{"transform", pipe}, {"transform", "--config", pipe}, {"config", "validate", "--clickhouse.password_file", pipe},
		{"config", "show", "--kafka.tls.enabled", "--kafka.tls.ca_file", pipe}, {"schema", "ddl", "--config", pipe}, {"health", "--config", pipe},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(ctx, args, strings.NewReader(""), &stdout, &stderr, nil); code != exitFailed || stderr.String() != "pianola: interrupted\n" {
			t.Errorf("%q: %d, %q", args, code, stderr.String())
		}
	}
	got := call(t, []string{"PIANOLA_KAFKA_BROKERS=127.0.0.1:1", "PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1"}, "", "reconcile", "--csv", pipe, "--as-of", "2026-01-31T12:00:00Z")
	if got.code != exitFailed || !strings.Contains(got.stderr, "is no regular file: save it to a file first") {
		t.Errorf("reconcile: %+v", got)
	}
}
