package piano_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/piano"
)

// TestRows_ReadsEachRowOnce reads lists that change while they are read.
func TestRows_ReadsEachRowOnce(t *testing.T) {
	for name, c := range map[string]struct {
		rows    int
		total   func(page, rows int) int
		shift   func(page int) int // new rows at the start, as of this page
		want    int
		problem string
	}{
		"empty":         {rows: 0, want: 0},
		"one page":      {rows: 3, want: 3},
		"exact pages":   {rows: 9, want: 9},
		"many pages":    {rows: 25, want: 25},
		"shifts once":   {rows: 25, shift: func(page int) int { return min(page/3, 1) }, want: 26},
		"shifts always": {rows: 25, shift: func(page int) int { return page }, problem: "rows have shifted"},
		"ends early":    {rows: 8, total: func(_, rows int) int { return rows + 5 }, problem: "a list of 13 rows ends after 8"},
	} {
		t.Run(name, func(t *testing.T) {
			page := 0
			_, client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				new := 0
				if c.shift != nil {
					new = c.shift(page)
				}
				page++
				var ids []string
				for i := -new; i < c.rows; i++ {
					ids = append(ids, fmt.Sprintf("C%d", i))
				}
				total := len(ids)
				if c.total != nil {
					total = c.total(page, total)
				}
				offset, _ := strconv.Atoi(r.Form.Get("offset"))
				limit, _ := strconv.Atoi(r.Form.Get("limit"))
				rows := []any{}
				for _, id := range ids[min(offset, len(ids)):min(offset+limit, len(ids))] {
					rows = append(rows, map[string]any{"promo_code_id": id})
				}
				enveloped(w, "promo_codes", rows, map[string]any{"total": total, "count": len(rows)})
			}, func(cfg *piano.Config) { cfg.PageSize = 5 })
			rows, err := client.Rows(t.Context(), piano.ListPromotionCodes, nil, "promo_code_id")
			if c.problem != "" {
				if err == nil || !strings.Contains(err.Error(), c.problem) {
					t.Errorf("%d rows, %v", len(rows), err)
				}
				return
			}
			if err != nil || len(rows) != c.want {
				t.Errorf("%d rows, want %d, %v", len(rows), c.want, err)
			}
		})
	}
}

// TestList_EndsWithoutATotal: some lists do not say how many rows they have. A limit ends a
// list too.
func TestList_EndsWithoutATotal(t *testing.T) {
	for name, total := range map[string]any{"without": nil, "with": 23} {
		_, client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			offset, _ := strconv.Atoi(r.Form.Get("offset"))
			rows := []any{}
			for i := offset; i < min(offset+5, 23); i++ {
				rows = append(rows, map[string]any{"access_id": i + 1}) // a number as an id
			}
			envelope := map[string]any{"count": len(rows)}
			if total != nil {
				envelope["total"] = total
			}
			enveloped(w, "accesses", rows, envelope)
		}, func(cfg *piano.Config) { cfg.PageSize = 5 })
		for limit, want := range map[int]struct {
			least int
			more  bool
		}{100: {23, false}, 10: {10, true}} {
			a, more, err := client.List(t.Context(), piano.ListAccess, nil, "access_id", limit)
			var rows []struct{}
			if err == nil {
				err = a.Decode(&rows)
			}
			if err != nil || more != want.more || len(rows) < want.least || len(rows) > want.least+5 {
				t.Errorf("%s a total, limit %d: %d rows, more %v, %v", name, limit, len(rows), more, err)
			}
		}
	}
}
