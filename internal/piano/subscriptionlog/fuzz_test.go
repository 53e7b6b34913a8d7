package subscriptionlog_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/piano/subscriptionlog"
)

// FuzzReader reads any input completely. Its errors contain nothing of the input: a mark
// in every field is in no error.
func FuzzReader(f *testing.F) {
	const mark = "q7x"
	header := strings.Join(required, ",") + ",End date,Auto-renew,Total charged,First name\n"
	f.Add(header + "S1,Active,2026-03-29 18:10:02 +0200,u1,Dynamic,,TRUE,6.0200,A\n")
	f.Add(header + "S1,q7x,q7x,q7x,q7x,q7x,q7x,q7x,q7x\n")
	f.Add(header + "S1,\"q7x\"\"\n\",q7x\"")
	f.Add("\ufeff" + header + "\r\n\xff")
	f.Add("q7x," + header + "q7x\n")
	f.Add("PK\x03\x04q7x")
	known := rules(f)
	f.Fuzz(func(t *testing.T, content string) {
		r, err := subscriptionlog.Open(strings.NewReader(content), int64(len(content)), known)
		for rows := 0; err == nil; rows++ {
			var row subscriptionlog.Row
			if row, err = r.Next(); err == nil && (row.SubscriptionID == "" || row.Status == "") {
				t.Error("a row without an id, or a status")
			}
			if rows > len(content) {
				t.Fatal("more rows than bytes")
			}
		}
		switch {
		case errors.Is(err, io.EOF):
		case !errors.As(err, new(*subscriptionlog.Error)):
			t.Errorf("none of ours: %v", err)
		case strings.Contains(err.Error(), mark):
			t.Errorf("holds a value: %v", err)
		}
	})
}
