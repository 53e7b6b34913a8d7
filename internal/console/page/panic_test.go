package page

import (
	"context"
	"html/template"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/console/figures"
)

type failing struct{}

func (failing) draw(Panel, *figures.Table) template.HTML { panic("a secret") }

// TestLoad_APanicIsAProblemOfItsPanel: reads and drawings run in goroutines of their own,
// where a panic would end the process.
func TestLoad_APanicIsAProblemOfItsPanel(t *testing.T) {
	reader, err := figures.New(nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	good := func(context.Context) (*figures.Table, error) {
		return &figures.Table{AsOf: time.Now(), Columns: []figures.Column{{Name: "n", Type: "Int64"}}, Rows: [][]any{{int64(1)}}}, nil
	}
	_, panels := load(t.Context(), reader, PanelPage{Panels: []Panel{
		{ID: "read", Read: func(context.Context) (*figures.Table, error) { panic("a secret") }},
		{ID: "draw", Read: good, Draw: failing{}},
	}}, nil)
	for _, one := range panels {
		if one.Problem == "" || strings.Contains(one.Problem, "secret") {
			t.Errorf("%s: problem %q", one.ID, one.Problem)
		}
	}
}
