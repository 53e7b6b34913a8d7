package operate

import (
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/console/page"
)

// LogCanceled is the log message of a cancellation. replay_jobs has no column for its
// reason.
const LogCanceled = "job cancellation requested"

func logCanceled(r *page.Renderer, id, by, why string) {
	r.Log.Info(LogCanceled, zap.String("job", id), zap.String("by", by), zap.String("why", why))
}
