package business

import (
	"time"

	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/role"
)

// martsKeep is as long as the ages of tables are kept. Marts are computed every few minutes.
const martsKeep = 15 * time.Second

// New is the section.
func New() page.Section {
	s := page.Section{Title: "Business"}
	for _, one := range []struct {
		path string
		page page.PanelPage
	}{
		{"subscribers", subscribers()},
		{"mrr", recurring()},
		{"churn", churn()},
		{"retention", retention()},
		{"trials", trials()},
		{"dunning", dunning()},
		{"revenue", revenue()},
		{"plan-changes", planChanges()},
		{"promo-codes", promoCodes()},
		{"at-risk", atRisk()},
		{"closings", closings()},
	} {
		for i := range one.page.Tiles {
			one.page.Tiles[i].Query.Keep = martsKeep
		}
		for i := range one.page.Panels {
			one.page.Panels[i].Query.Keep = martsKeep
		}
		s.Pages = append(s.Pages, page.Page{
			Pattern: "GET /business/" + one.path, Title: one.page.Title, Role: role.Viewer, Handle: page.Panels(one.page),
		})
	}
	return s
}
