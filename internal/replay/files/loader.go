package files

import (
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/files/rows"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Loader plans and runs jobs over files. It is not safe for concurrent use.
type Loader struct {
	deps   Deps
	opener opener
}

// Deps are the dependencies of a Loader; all are required except Progress.
type Deps struct {
	Places  Places
	Jobs    *job.Store
	Rules   *transform.Rules
	Aliases map[string]string // transform.field_aliases
	InForce job.Rules
	// MaxMessage is transform.max_message_bytes.
	MaxMessage int
	Writer     *sink.Writer
	Conn       driver.Conn
	Database   string
	// Parallel is how many files are read at a time.
	Parallel int
	// MaxRows and MaxBytes limit one insert.
	MaxRows, MaxBytes int
	Now               func() time.Time
	Log               *zap.Logger
	Progress          progress.Func
}

// pageMemory is what the pages of all Parquet files may hold.
const pageMemory = 160 << 20

// DefaultParallel is enough to keep ClickHouse busy: one file fills a core.
const DefaultParallel = 4

// New does no I/O.
func New(deps Deps) *Loader {
	deps.Log = deps.Log.Named("files")
	deps.Places.Log = deps.Log
	return &Loader{deps: deps, opener: opener{
		names: rows.NewNames(deps.Aliases), limits: rows.Limits{Message: deps.MaxMessage}, memory: rows.NewPageMemory(pageMemory, deps.Parallel),
	}}
}
