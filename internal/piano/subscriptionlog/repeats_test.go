package subscriptionlog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pianola/pianola/schemas"
)

type noRules struct{}

func (noRules) Internal(string, string) bool                 { return false }
func (noRules) Timestamp(string) (schemas.NullMillis, error) { return schemas.NullMillis{}, nil }

// A contradiction is found with any memory, and a repetition is not a contradiction.
func TestRepeats_AreFoundInAnyMemory(t *testing.T) {
	const rows, repeated, contradicting = 1000, 300, 700
	var b strings.Builder
	b.WriteString("Subscription ID,Subscription status,Start date,User ID (UID),Term type\n")
	for i := range rows {
		fmt.Fprintf(&b, "S%d,Active,,u,p\n", i)
	}
	fmt.Fprintf(&b, "S%d,Active,,u,p\nS%d,Expired,,u,p\nS1,Expired,,u,p\n", repeated, contradicting)
	content := b.String()
	for _, limit := range []int{2, 7, 100, 999, 1000, 1001, 5000} {
		r, err := Open(strings.NewReader(content), int64(len(content)), noRules{})
		if err != nil {
			t.Fatal(err)
		}
		r.repeats.limit = limit
		for err == nil {
			_, err = r.Next()
			if len(r.repeats.rows) > limit {
				t.Fatalf("%d rows kept, the limit is %d", len(r.repeats.rows), limit)
			}
		}
		want := fmt.Sprintf("line %d, column Subscription ID: the subscription of line %d again", rows+3, contradicting+2)
		if limit < rows+3 { // any contradiction will do: the window that has one ends the search
			want = "again, with other values"
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("limit %d: got %v, want %s", limit, err, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
