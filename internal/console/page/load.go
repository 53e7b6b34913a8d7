package page

import (
	"cmp"
	"context"
	"html/template"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/console/figures"
)

// loaded is a panel with its table.
type loaded struct {
	Panel
	Table   *figures.Table
	Problem string
	err     error // behind Problem
	Drawing template.HTML
	SQL     string
	Cells   [][]cell
	Fresh   []source
}

// source is a table with its age.
type source struct {
	Name, Age string
	Defined   bool // there is a page with its definition
}

// cell is one value of a table.
type cell struct {
	Text, Link string
	Value      string // for the script: seconds or a number; empty for neither
	Number, ID bool
	Day        bool // a date, which is not broken into lines
}

// loadedTile is a tile with its value.
type loadedTile struct {
	Tile
	Value, Note, State string

	err error // behind Note
}

// loadAtOnce is how many queries of one page are sent at a time.
const loadAtOnce = 4

// load reads all panels and tiles. A panel whose query fails has a problem; the others
// stand.
func load(ctx context.Context, r *figures.Reader, p PanelPage, values map[string]string) ([]loadedTile, []loaded) {
	tiles, panels := make([]loadedTile, len(p.Tiles)), make([]loaded, len(p.Panels))
	var group errgroup.Group
	group.SetLimit(loadAtOnce)
	for i, tile := range p.Tiles {
		group.Go(func() error { tiles[i] = loadTile(ctx, r, tile, values); return nil })
	}
	for i, panel := range p.Panels {
		group.Go(func() error { panels[i] = loadPanel(ctx, r, panel, values); return nil })
	}
	_ = group.Wait() // problems are in the panels
	return tiles, panels
}

func loadTile(ctx context.Context, r *figures.Reader, tile Tile, values map[string]string) (made loadedTile) {
	defer recovered(func(err error) { made = loadedTile{Tile: tile, Value: "?", Note: err.Error(), State: "bad", err: err} })
	t, err := r.Table(ctx, tile.Query.With(values))
	switch {
	case err != nil:
		return loadedTile{Tile: tile, Value: "?", Note: err.Error(), State: "bad", err: err}
	case len(t.Rows) == 0 || t.Text(0, 0) == "":
		return loadedTile{Tile: tile, Value: "–"}
	}
	made = loadedTile{Tile: tile, Value: grouped(t.Text(0, 0), t.Columns[0])}
	if len(t.Columns) > 1 {
		made.Note = t.Text(0, 1)
	}
	if len(t.Columns) > 2 {
		made.State = t.Text(0, 2)
	}
	return made
}

// recovered keeps a panic of one panel away from the process, whose other goroutines nobody
// could save.
func recovered(report func(error)) {
	if failed := recover(); failed != nil {
		report(&figures.PanicError{Stack: debug.Stack()})
	}
}

func loadPanel(ctx context.Context, r *figures.Reader, panel Panel, values map[string]string) (made loaded) {
	made = loaded{Panel: panel}
	defer recovered(func(err error) { made = loaded{Panel: panel, Problem: err.Error(), err: err} })
	var err error
	if panel.Read == nil {
		made.SQL = panel.Query.With(values).Shown()
	}
	if made.Table, err = tableOf(ctx, r, panel, values); err != nil {
		made.Problem, made.err = err.Error(), err
		return made
	}
	made.Fresh = ages(ctx, r, panel)
	if panel.Draw != nil && len(made.Table.Rows) > 0 {
		made.Drawing = panel.Draw.draw(panel, made.Table)
	}
	for row := range made.Table.Rows {
		made.Cells = append(made.Cells, cells(panel, made.Table, row))
	}
	return made
}

// tableOf is the table of a panel.
func tableOf(ctx context.Context, r *figures.Reader, panel Panel, values map[string]string) (*figures.Table, error) {
	var t *figures.Table
	var err error
	if panel.Read == nil {
		t, err = r.Table(ctx, panel.Query.With(values))
	} else {
		keep := figures.DefaultKeep
		if panel.Fresh {
			keep = 0
		}
		t, err = r.Cached(ctx, "panel "+panel.ID+" of "+panel.Command, keep, panel.Read)
	}
	if err != nil || panel.Columns == nil {
		return t, err
	}
	return t.Select(panel.Columns), nil
}

func cells(panel Panel, t *figures.Table, row int) []cell {
	line := make([]cell, len(t.Columns))
	named := map[string]string{}
	if len(panel.Links) > 0 {
		for i, column := range t.Columns {
			named[column.Name] = t.Text(row, i)
		}
	}
	for i, column := range t.Columns {
		line[i] = cell{Text: grouped(t.Text(row, i), column), Number: column.Number(), ID: strings.HasSuffix(column.Name, "_id")}
		if len(line[i].Text) == len(time.DateOnly) {
			_, err := time.Parse(time.DateOnly, line[i].Text)
			line[i].Day = err == nil
		}
		if number, ok := t.Number(row, i); ok {
			line[i].Value = strconv.FormatFloat(number, 'f', -1, 64)
		}
		if link := panel.Links[column.Name]; link != nil {
			line[i].Link = link(named)
		}
	}
	return line
}

// grouped writes a number in groups of three digits, with a narrow space between them.
func grouped(text string, column figures.Column) string {
	if !column.Number() {
		return text
	}
	whole, fraction, hasFraction := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "−", whole[1:]
	}
	var groups []string
	for len(whole) > 3 {
		groups = append(groups, whole[len(whole)-3:])
		whole = whole[:len(whole)-3]
	}
	groups = append(groups, whole)
	slices.Reverse(groups)
	text = sign + strings.Join(groups, "\u202f")
	if hasFraction {
		text += "." + fraction
	}
	return text
}

// freshness is how old the tables are that figures come from.
var freshness = figures.Query{
	SQL:  "SELECT name, max(as_of) AS as_of, min(age_seconds) AS age_seconds FROM freshness WHERE part != 'drift' GROUP BY name",
	Keep: 15 * time.Second,
}

// figuresOf is the table from which a view takes its figures: a view has no age of its own.
var figuresOf = map[string]string{
	"mrr_by_month": "mrr_movements", "customers_by_month": "mrr_movements", "subscriptions_by_day": "subscription_day_changes",
	"trials_by_month": "subscription_trials", "month_figures_as_of": "month_closings",
}

// ages says of each source how old it is.
func ages(ctx context.Context, r *figures.Reader, p Panel) (all []source) {
	if p.Read != nil {
		for _, name := range p.Sources {
			all = append(all, source{Name: name, Age: "read now"})
		}
		return all
	}
	t, err := r.Table(ctx, freshness)
	known := map[string]string{}
	if err == nil {
		for row := range t.Rows {
			if seconds, ok := t.Number(row, 2); ok {
				known[t.Text(row, 0)] = age(time.Duration(seconds)*time.Second) + " old"
			} else {
				known[t.Text(row, 0)] = "without data so far"
			}
		}
	}
	for _, name := range p.Sources {
		one := source{Name: name, Defined: true, Age: known[cmp.Or(figuresOf[name], name)]}
		switch {
		case err != nil:
			one.Age = "age unknown"
		case one.Age == "":
			one.Age = "read now"
		}
		all = append(all, one)
	}
	return all
}

// age is a duration in one unit.
func age(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + " days"
	}
}

// merged has the values of the span and of the choices.
func merged(span Span, choices []chosen) map[string]string {
	values := map[string]string{}
	maps.Copy(values, span.Params())
	for _, one := range choices {
		values[one.Name] = one.Value
	}
	return values
}
