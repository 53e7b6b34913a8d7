package page

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/console/figures"
)

// Drawing is the chart of a panel, made from its table.
type Drawing interface {
	draw(Panel, *figures.Table) template.HTML
}

// Lines are series over the column X, drawn in the browser.
type Lines struct {
	X      string
	Series []string
	Bars   bool
}

func (l Lines) draw(p Panel, t *figures.Table) template.HTML {
	x := t.Index(l.X)
	var series []string
	for _, name := range l.Series {
		if i := t.Index(name); i >= 0 {
			series = append(series, strconv.Itoa(i))
		}
	}
	if x < 0 || len(series) == 0 {
		return ""
	}
	kind := "lines"
	if l.Bars {
		kind = "bars"
	}
	_, time := t.Rows[0][x].(interface{ Unix() int64 })
	// Only numbers, and the id and title of a panel, which are constants.
	return template.HTML(fmt.Sprintf(
		`<div class="chart" data-kind="%s" data-table="table-%s" data-x="%d" data-series="%s" data-time="%t" role="img" aria-label="%s; the table below has the same numbers"></div>`,
		kind, p.ID, x, strings.Join(series, ","), time, template.HTMLEscapeString(p.Title)))
}
