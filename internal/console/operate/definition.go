package operate

import (
	"net/http"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// definition shows what a table or view says about itself: the comments of the schema.
func definition(r *page.Renderer) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		params := map[string]string{"table": req.PathValue("table")}
		about, err := r.Figures.Table(req.Context(), figures.Query{Params: params,
			SQL: "SELECT name, comment FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"})
		switch {
		case err != nil:
			r.FailRead(w, req, err)
			return
		case len(about.Rows) == 0:
			r.Fail(w, req, http.StatusNotFound, "The database has no such table, or the console's user may not read it.")
			return
		}
		p := page.PanelPage{
			Title: about.Text(0, 0), About: about.Text(0, 1),
			Panels: []page.Panel{{
				ID: "columns", Title: "Columns", Sources: []string{"system.columns"},
				Query: figures.Query{Params: params,
					SQL: "SELECT name, type, comment FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position"},
			}},
		}
		r.Panels(w, req, p)
	}
}
