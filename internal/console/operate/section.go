package operate

import (
	"context"
	"embed"
	"net/http"
	"time"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/plans"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/replay/job"
)

//go:embed templates
var templates embed.FS

// Deps are the parts that the pages use. All are required.
type Deps struct {
	// Offsets reads the consumer group.
	Offsets func(context.Context) (*offsets.Report, error)

	// Settings are the settings of this process, without secrets.
	Settings []config.Entry

	// Letters reads dead letters.
	Letters *letters.Reader

	// Redrive passes a redriver to do. Its context is bound to the list of erased people.
	Redrive Redrive

	// Plans are what people are about to change.
	Plans *plans.Book

	// Jobs reads and cancels replay jobs.
	Jobs *job.Store

	// Log records who has changed something, and why.
	Log ActionsLog

	Now func() time.Time
}

// Redrive connects a redriver for the time of do.
type Redrive func(ctx context.Context, report progress.Func, do func(context.Context, *deadletters.Redriver) error) error

// New is the section.
func New(d Deps) page.Section {
	handle := func(do func(Deps, *page.Renderer, http.ResponseWriter, *http.Request)) func(*page.Renderer) http.HandlerFunc {
		return func(r *page.Renderer) http.HandlerFunc {
			return func(w http.ResponseWriter, req *http.Request) { do(d, r, w, req) }
		}
	}
	return page.Section{
		Title: "Operate", Templates: templates,
		Pages: []page.Page{
			{Pattern: "GET /{$}", Title: "Overview", Role: role.Viewer, Handle: page.Panels(overview(d))},
			{Pattern: "GET /coverage", Title: "Coverage", Role: role.Viewer, Handle: handle(coveragePage)},
			{Pattern: "GET /dead-letters", Title: "Dead letters", Role: role.Viewer, Handle: handle(lettersPage)},
			{Pattern: "GET /dead-letters/letter", Role: role.Viewer, Handle: handle(letterPage)},
			{Pattern: "POST /dead-letters/plans", Role: role.Ops, Handle: handle(addPlan)},
			{Pattern: "GET /dead-letters/plans/{id}", Role: role.Ops, Handle: d.plans().Show},
			{Pattern: "POST /dead-letters/plans/{id}", Role: role.Ops, Handle: d.plans().Confirm},
			{Pattern: "GET /reconciliation", Title: "Reconciliation", Role: role.Viewer, Handle: handle(reconciliationPage)},
			{Pattern: "GET /reconciliation/disagreement", Role: role.Viewer, Handle: handle(disagreementPage)},
			{Pattern: "GET /jobs", Title: "Jobs", Role: role.Viewer, Handle: handle(jobsPage)},
			{Pattern: "GET /jobs/{id}", Role: role.Viewer, Handle: handle(jobPage)},
			{Pattern: "POST /jobs/{id}/cancel", Role: role.Ops, Handle: handle(cancelJob)},
			{Pattern: "GET /settings", Title: "Settings", Role: role.Ops, Handle: page.Panels(settings(d))},
			{Pattern: "GET /definitions/{table}", Role: role.Viewer, Handle: definition},
		},
	}
}
