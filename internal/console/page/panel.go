package page

import (
	"context"
	"net/url"

	"github.com/pianola/pianola/internal/console/figures"
)

// Panel is one table of figures and its chart.
type Panel struct {
	ID      string // in the address of its CSV; unique in its page
	Title   string
	About   string   // what it shows and how it is counted, in one or two sentences
	Sources []string // tables and views, by their names; each links to its definition
	Query   figures.Query

	// Read is the table instead of Query, for figures that do not come from ClickHouse.
	// Command then is what shows the same in a shell.
	Read    func(context.Context) (*figures.Table, error)
	Command string
	// Fresh reads it each time, for a list that people change here.
	Fresh bool

	// Columns are those of the answer that the table and the CSV file show; nil for all. So
	// panels with one query share its answer.
	Columns []string

	Draw  Drawing // nil for a table only
	Empty string  // what no rows mean

	// Links makes a cell of a column a link.
	Links map[string]func(row map[string]string) string

	// Open shows the table at once; otherwise it is behind a toggle when there is a chart.
	Open bool

	// Wide takes the whole width.
	Wide bool
}

// Tile is one number at the top of a page: a query with one row.
type Tile struct {
	Label string
	Query figures.Query // one row: the value, and optionally a note and a state (good, warn, bad)
	Link  string
}

// PanelPage is a page of panels.
type PanelPage struct {
	Title   string
	About   string
	Usual   string   // span, such as "24h"; empty for a page without a time
	Spans   []string // names of the spans on offer; nil for all
	Choices []Choice
	Tiles   []Tile
	Panels  []Panel
	Refresh int // seconds between automatic refreshes; 0 for none

	// Keep are further values of the address, which the links to CSV files repeat.
	Keep url.Values
}
