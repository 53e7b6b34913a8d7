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
// the writer until it is interrupted, and a subscription log cannot be a pipe at all.
func TestNamedPipe_DoesNotHoldACommand(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	if code := run(ctx, []string{"transform", pipe}, strings.NewReader(""), &stdout, &stderr, nil); code != exitFailed || stderr.String() != "pianola: interrupted\n" {
		t.Errorf("transform: %d, %q", code, stderr.String())
	}
	got := call(t, []string{"PIANOLA_KAFKA_BROKERS=127.0.0.1:1", "PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1"}, "", "reconcile", "--csv", pipe, "--as-of", "2026-01-31T12:00:00Z")
	if got.code != exitFailed || !strings.Contains(got.stderr, "is no regular file: save it to a file first") {
		t.Errorf("reconcile: %+v", got)
	}
}
