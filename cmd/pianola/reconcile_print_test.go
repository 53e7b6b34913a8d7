package main

import (
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/reconcile"
)

// What a person has to know to judge a report, beside what was found.
func TestReconcileText_SaysWhatItStandsOn(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	whole := reconcile.Report{StreamBegan: &began, Snapshot: reconcile.Snapshot{Source: "api", Whole: true}}
	part := reconcile.Report{Snapshot: reconcile.Snapshot{Source: "csv"}}
	const only = "not known to have every subscription"
	if text := reconcileText(&whole); !strings.Contains(text, "\nstream: began at 2026-01-02T02:04:05Z\n") || strings.Contains(text, only) {
		t.Errorf("of the API: %s", text)
	}
	if text := reconcileText(&part); !strings.Contains(text, "\nstream: no events\n") || !strings.Contains(text, "\n"+only) {
		t.Errorf("of a file of some days: %s", text)
	}
}
