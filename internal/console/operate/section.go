package operate

import (
	"context"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/offsets"
)

// Deps are the parts that the pages use.
type Deps struct {
	// Offsets reads the consumer group; nil when the console has no connection to Kafka.
	Offsets func(context.Context) (*offsets.Report, error)

	// Settings are the settings of this process, without secrets.
	Settings []config.Entry
}

// New is the section.
func New(d Deps) page.Section {
	return page.Section{
		Title: "Operate",
		Pages: []page.Page{
			{Pattern: "GET /{$}", Title: "Overview", Role: role.Viewer, Handle: page.Panels(overview(d))},
			{Pattern: "GET /settings", Title: "Settings", Role: role.Ops, Handle: page.Panels(settings(d))},
			{Pattern: "GET /definitions/{table}", Role: role.Viewer, Handle: definition},
		},
	}
}
