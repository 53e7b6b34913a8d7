package main

import (
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/reconcile"
)

// A report shows the coverage of the snapshot and of the stream.
func TestReconcileText_ShowsCoverage(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	whole := reconcile.Report{StreamBegan: &began, Snapshot: reconcile.Snapshot{Source: "api", Whole: true}}
	part := reconcile.Report{Snapshot: reconcile.Snapshot{Source: "csv"}}
	const only = "the snapshot may be incomplete"
	if text := reconcileText(&whole, 0); !strings.Contains(text, "\nstream: first event at 2026-01-02T02:04:05Z\n") || strings.Contains(text, only) {
		t.Errorf("of the API: %s", text)
	}
	if text := reconcileText(&part, 0); !strings.Contains(text, "\nstream: no events\n") || !strings.Contains(text, "\n"+only) {
		t.Errorf("of a file of some days: %s", text)
	}
}
