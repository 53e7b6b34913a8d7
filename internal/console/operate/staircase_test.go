package operate

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

func TestStaircases_ShowGapsAndOverlaps(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := staircases{from: from, to: from.Add(24 * time.Hour), shown: []string{"0", "<b>", "absent"}}
	table := &figures.Table{}
	for _, name := range []string{"partition", "what", "time", "from_offset", "to_offset", "messages", "stored", "filtered", "dead_lettered", "skipped"} {
		table.Columns = append(table.Columns, figures.Column{Name: name})
	}
	add := func(partition, what string, hours, first, next, stored, refused int) {
		table.Rows = append(table.Rows, []any{partition, what, from.Add(time.Duration(hours) * time.Hour), int64(first), int64(next),
			uint64(stored + refused), uint64(stored), uint64(0), uint64(refused), uint64(0)})
	}
	add("0", "flush", 1, 0, 500_000_000, 499_999_999, 1)
	add("0", "flush", 2, 500_000_001, 1_000_000_000, 499_999_999, 0)
	add("0", "gap", 2, 500_000_000, 500_000_001, 0, 0) // one of a thousand million offsets
	add("0", "overlap", 3, 900_000_000, 900_000_001, 0, 0)
	add("0", "lost", 4, 999_999_999, 1_000_000_000, 0, 0)
	add("0", "replay", 5, 100, 200, 0, 0)
	add("<b>", "replay", 5, 5, 6, 0, 0)
	got := string(s.draw(page.Panel{ID: "p"}, table))

	for _, want := range []string{
		`Partition 0, 1 gaps, 1 overlaps, 1 lost ranges, 1 replayed ranges`,
		`role="img" aria-label="Partition 0: offsets 0 to 1000000000, 1 gaps`,
		`gap: offsets 500000000 to 500000001`, `fill="url(#hatch-p-0)"`, `>gap 1</text>`,
		`overlap: offsets 900000000 to 900000001 more than once`, `lost: offsets 999999999 to 1000000000`,
		`1 dead letters`, `replayed: offsets 100 to 200`, `Partition &lt;b&gt;`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the drawing has no %q", want)
		}
	}
	for _, never := range []string{"<b>", "style=", "NaN", "Inf", `"-`} {
		if strings.Contains(got, never) {
			t.Errorf("the drawing has %q:\n%s", never, got)
		}
	}
	for _, mark := range []string{"<title>gap", "<title>overlap", "<title>lost"} {
		if height := heightBeside(t, got, mark); height < minMark {
			t.Errorf("%s has a height of %v: nobody sees it", mark, height)
		}
	}
	if n := strings.Count(got, "<figure"); n != 2 {
		t.Errorf("%d pictures, want 2: one partition has no rows", n)
	}
}

// heightBeside is the height of the rectangle that has a title, inside or before it.
func heightBeside(t *testing.T, svg, title string) float64 {
	t.Helper()
	at := strings.Index(svg, title)
	if at < 0 {
		t.Fatalf("no %s", title)
	}
	text := svg[at:]
	if inside := svg[max(0, strings.LastIndex(svg[:at], "<")):at]; strings.HasPrefix(inside, "<rect") {
		text = inside
	}
	_, rest, _ := strings.Cut(text, ` height="`)
	number, _, _ := strings.Cut(rest, `"`)
	height, err := strconv.ParseFloat(number, 64)
	if err != nil {
		t.Fatal(err)
	}
	return height
}

func TestPictured_TroubleComesFirst(t *testing.T) {
	table := &figures.Table{Columns: []figures.Column{{Name: "partition"}, {Name: "lost"}, {Name: "gaps"}, {Name: "overlaps"}}}
	for i := range 300 {
		row := []any{strconv.Itoa(i), uint64(0), uint64(0), uint64(0)}
		switch i {
		case 250:
			row[3] = uint64(1)
		case 260:
			row[2] = uint64(1)
		case 270:
			row[1] = uint64(1)
		}
		table.Rows = append(table.Rows, row)
	}
	if got := strings.Join(pictured(table, "")[:4], " "); got != "260 270 250 0" {
		t.Errorf("got %s", got)
	}
	if got := pictured(table, ""); len(got) != picturesOnPage {
		t.Errorf("%d pictures", len(got))
	}
	if got := pictured(table, "17"); len(got) != 1 || got[0] != "17" {
		t.Errorf("one selected: %v", got)
	}
}
