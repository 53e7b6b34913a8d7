package page

import (
	"html/template"
	"strconv"

	"github.com/pianola/pianola/internal/console/figures"
)

// Funnel is how many of those in the first row reached each further one. Percentages are
// of what is due; what is not yet due is hatched beside it.
type Funnel struct {
	Step      string // column with its name
	Due       string // column with the number
	NotYetDue string // column with the number that is not yet due; may be empty
}

func (f Funnel) draw(p Panel, t *figures.Table) template.HTML {
	step, due, notDue := t.Index(f.Step), t.Index(f.Due), t.Index(f.NotYetDue)
	if step < 0 || due < 0 {
		return ""
	}
	c := newCanvas(p)
	whole := numberOf(t, 0, due)
	var most float64
	for row := range t.Rows {
		most = max(most, numberOf(t, row, due)+numberOf(t, row, notDue))
	}
	waiting := false
	for row := range t.Rows {
		y := float64(row * rowHeight)
		label, number, later := labelOf(t, row, step), numberOf(t, row, due), numberOf(t, row, notDue)
		shown := exact(t, row, due)
		if whole > 0 && row > 0 {
			shown += " · " + strconv.FormatFloat(100*number/whole, 'f', 1, 64) + " %"
		}
		beside := ""
		if later > 0 {
			beside = " (+" + exact(t, row, notDue) + ")"
		}
		c.text("0", y+rowText, "start", "", clipped(label, 26))
		c.text("100%", y+rowText, "end", "", shown+beside)
		if most <= 0 {
			continue
		}
		width := number / most
		c.rect(shape{x: "0", width: percent(width), y: y + rowBar, height: barHeight, class: "f1", title: label + ": " + shown, round: true})
		if later > 0 {
			waiting = true
			c.rect(shape{x: percent(width), width: percent(later / most), y: y + rowBar, height: barHeight, class: "f1", notDue: true, round: true,
				title: label + ": " + exact(t, row, notDue) + " of cohorts that are not yet due"})
		}
	}
	entries := []entry{{class: "f1", text: "due"}}
	if waiting {
		entries = append(entries, entry{class: "f1", text: "(+) of cohorts that are not yet due", notDue: true})
	}
	return c.legend(entries) + c.svg(p, "rows", "100%", float64(len(t.Rows)*rowHeight))
}

// Ranking is one stacked bar for each row of the table, the first ones only.
type Ranking struct {
	Label     string   // column with the name of the row
	Series    []string // columns of the parts, without negative values
	NotYetDue string   // column of the part that is not yet due; may be empty
}

// maxRanked is how many rows a drawing has; the table has all.
const maxRanked = 20

func (r Ranking) draw(p Panel, t *figures.Table) template.HTML {
	label := t.Index(r.Label)
	series := indexes(t, r.Series)
	notDue := t.Index(r.NotYetDue)
	if notDue >= 0 {
		series = append(series, notDue)
	}
	if label < 0 || len(series) == 0 {
		return ""
	}
	rows := min(len(t.Rows), maxRanked)
	total := func(row int) (sum float64) {
		for _, column := range series {
			sum += max(numberOf(t, row, column), 0)
		}
		return sum
	}
	var most float64
	for row := range rows {
		most = max(most, total(row))
	}
	c := newCanvas(p)
	for row := range rows {
		y := float64(row * rowHeight)
		name := labelOf(t, row, label)
		c.text("0", y+rowText, "start", "", clipped(name, 30))
		c.text("100%", y+rowText, "end", "", short(total(row)))
		left := 0.0
		for i, column := range series {
			value := max(numberOf(t, row, column), 0)
			if value == 0 || most == 0 {
				continue
			}
			c.rect(shape{x: percent(left), width: percent(value / most), y: y + rowBar, height: barHeight, class: class(i, series), notDue: column == notDue,
				title: name + ", " + t.Columns[column].Label() + ": " + exact(t, row, column)})
			left += value / most
		}
	}
	svg := c.svg(p, "rows", "100%", float64(rows*rowHeight))
	if len(series) == 1 {
		return svg
	}
	return c.legend(seriesEntries(t, series, notDue)) + svg
}

func seriesEntries(t *figures.Table, series []int, notDue int) []entry {
	var all []entry
	for i, column := range series {
		all = append(all, entry{class: colour(i), text: t.Columns[column].Label(), notDue: column == notDue})
	}
	return all
}

// class separates parts that stand side by side.
func class(i int, series []int) string {
	if len(series) > 1 {
		return colour(i) + " edge"
	}
	return colour(i)
}

// indexes are the positions of the columns that the table has.
func indexes(t *figures.Table, names []string) []int {
	var all []int
	for _, name := range names {
		if i := t.Index(name); i >= 0 {
			all = append(all, i)
		}
	}
	return all
}
