package operate

import (
	"context"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

func settings(d Deps) page.PanelPage {
	return page.PanelPage{
		Title: "Settings",
		About: "The settings of this process, where each comes from, and no secret. Other processes of the same file may have other variables.",
		Panels: []page.Panel{{
			ID: "settings", Title: "All settings", Sources: []string{"configuration of this process"}, Command: "pianola config show",
			Read: func(context.Context) (*figures.Table, error) {
				t := &figures.Table{AsOf: d.Now(), Columns: []figures.Column{
					{Name: "key", Type: "String"}, {Name: "value", Type: "String"}, {Name: "from", Type: "String"}, {Name: "where", Type: "String"},
				}}
				for _, one := range d.Settings {
					t.Rows = append(t.Rows, []any{one.Key, one.Text(), one.Origin, one.Where})
				}
				return t, nil
			},
		}},
	}
}
