package actions_test

import (
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/actions"
)

// TestExecute_AfterAnUnknownOutcome: the effect of a lost request may show later than any
// look. A plan that was made before must not send the same again.
func TestExecute_AfterAnUnknownOutcome(t *testing.T) {
	d, refund, _ := begin(t, actions.RefundPayment)
	refund.Amount = amount("5")
	first, second := d.plan(refund), d.plan(refund)
	d.fault = func(string) faultKind { return lostBefore }
	if r, _ := d.act.Execute(t.Context(), first, "test"); r.Outcome != actions.Unknown {
		t.Fatalf("%+v", r)
	}
	d.fault = nil
	r, err := d.process().Execute(t.Context(), second, "test")
	if err != nil || r.Outcome != actions.Refused || !strings.Contains(r.Why, "make a new plan") || d.changes() != 1 {
		t.Errorf("%+v, %v, sent %v", r, err, d.sent)
	}
	if r, err := d.act.Execute(t.Context(), d.plan(refund), "test"); err != nil || r.Outcome != actions.Done || d.changes() != 2 {
		t.Errorf("a plan made afterwards: %+v, %v, sent %v", r, err, d.sent)
	}
}

// TestBulk_AnEditedFileRepeatsNoLine: a line that was added does not send the others again.
func TestBulk_AnEditedFileRepeatsNoLine(t *testing.T) {
	d, refund, _ := begin(t, actions.RefundPayment)
	refund.Amount = amount("5")
	one := actions.Item{Line: 1, Key: "UP1", Action: refund}
	other := one
	other.Line, other.Key, other.Action.PaymentID = 2, "UP9", "UP9"
	job := actions.JobID("", []string{"refund", "5"})
	for _, items := range [][]actions.Item{{one}, {other, one}} {
		if err := d.process().Bulk(t.Context(), job, items, "test", true, func(actions.Line) {}); err != nil {
			t.Fatal(err)
		}
	}
	sent := 0
	for _, path := range d.sent {
		if strings.HasSuffix(path, "payment/refund") {
			sent++
		}
	}
	if sent > 2 || d.payment["remaining_amount"] != 15.0 {
		t.Errorf("%d refunds, %v remains", sent, d.payment["remaining_amount"])
	}
}
