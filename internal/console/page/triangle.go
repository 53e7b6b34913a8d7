package page

import (
	"html/template"
	"strconv"

	"github.com/pianola/pianola/internal/console/figures"
)

// Triangle is a heat map: a row for each cohort, a column for each age, a percentage in
// each cell. The table has a row for each cell.
type Triangle struct {
	Cohort   string
	Age      string // a number from 0
	Size     string // column with the number of members
	Percent  string // column of the cell, from 0 to 100
	Immature string // column that is true, or NotYetDue, for cells to hatch
}

// Sizes of a triangle, in pixels.
const (
	cohortWidth = 112 // its month and its size
	cellWidth   = 46
	cellHeight  = 28
	headHeight  = 40
)

func (d Triangle) draw(p Panel, t *figures.Table) template.HTML {
	cohort, age, size, value, immature := t.Index(d.Cohort), t.Index(d.Age), t.Index(d.Size), t.Index(d.Percent), t.Index(d.Immature)
	if cohort < 0 || age < 0 || value < 0 {
		return ""
	}
	c := newCanvas(p)
	rows := map[string]int{}
	oldest, hatched := 0, false
	for row := range t.Rows {
		label := labelOf(t, row, cohort)
		at, known := rows[label]
		if !known {
			at = len(rows)
			rows[label] = at
			c.text("0", headHeight+float64(at)*cellHeight+19, "start", "", label)
			if size >= 0 {
				c.text(px(cohortWidth-8), headHeight+float64(at)*cellHeight+19, "end", "soft", grouped(t.Text(row, size), t.Columns[size]))
			}
		}
		months := int(numberOf(t, row, age))
		if months < 0 {
			continue
		}
		oldest = max(oldest, months)
		notDue := yes(t, row, immature)
		hatched = hatched || notDue
		x, y := float64(cohortWidth+months*cellWidth), headHeight+float64(at)*cellHeight
		share, known := t.Number(row, value)
		text := "–" // a cohort without members
		if known {
			text = strconv.FormatFloat(share, 'f', 0, 64)
		}
		title := label + ", month " + strconv.Itoa(months) + ": " + text + " %"
		if size >= 0 {
			title += " of " + t.Text(row, size)
		}
		if notDue {
			title += " (" + NotYetDue + ")"
		}
		c.rect(shape{x: px(x), width: px(cellWidth), y: y, height: cellHeight, class: "f1 edge", opacity: heat(share), title: title, notDue: notDue})
		c.text(px(x+cellWidth/2), y+19, "middle", "halo", text)
	}
	c.text("0", 14, "start", "soft", "percent, by months since the cohort's month")
	c.text(px(cohortWidth-8), 32, "end", "soft", "size")
	for months := range oldest + 1 {
		c.text(px(float64(cohortWidth+months*cellWidth)+cellWidth/2), 32, "middle", "soft", strconv.Itoa(months))
	}
	// The head line needs more room than one cohort.
	width := max(float64(cohortWidth+(oldest+1)*cellWidth), 290)
	svg := scrolled(p, c.svg(p, "", px(width), headHeight+float64(len(rows))*cellHeight+2))
	if !hatched {
		return svg
	}
	return c.legend([]entry{{class: "f1", text: "hatched: " + NotYetDue, notDue: true}}) + svg
}

// heat is the opacity of a cell. It stays low enough for dark text on light, and light
// text on dark.
func heat(share float64) float64 { return 0.05 + 0.5*min(max(share, 0), 100)/100 }
