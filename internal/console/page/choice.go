package page

import (
	"context"
	"net/url"

	"github.com/pianola/pianola/internal/console/figures"
)

// Choice is a parameter of a page that a visitor selects. Its value goes to the queries
// as the parameter Name.
type Choice struct {
	Name, Label string

	// Options is a query with the possible values in its first column, the usual one
	// first. A second column is their label.
	Options figures.Query
}

// option is one value of a choice.
type option struct {
	Value, Label string
	Selected     bool
}

// chosen is a choice with the value of a request.
type chosen struct {
	Choice
	Value string
	All   []option
}

// choose takes the value of the request if it is one of the options, else the first.
func choose(ctx context.Context, r *figures.Reader, c Choice, values url.Values) (chosen, error) {
	t, err := r.Table(ctx, c.Options)
	if err != nil {
		return chosen{}, err
	}
	made := chosen{Choice: c}
	at := 0
	for row := range t.Rows {
		one := option{Value: t.Text(row, 0), Label: t.Text(row, len(t.Columns)-1)}
		if values.Has(c.Name) && values.Get(c.Name) == one.Value {
			at = row
		}
		made.All = append(made.All, one)
	}
	if len(made.All) > 0 {
		made.All[at].Selected = true
		made.Value = made.All[at].Value
	}
	return made, nil
}
