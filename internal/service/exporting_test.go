package service_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestService_ExportsOnSchedule: the instance with partition 0 exports beside the flow, and
// its page shows it.
func TestService_ExportsOnSchedule(t *testing.T) {
	s := newFixture(t, "native")
	dir := t.TempDir()
	s.Settings.Export.Schedule = []string{
		"stream --to " + dir + " --format parquet --since last --every 1h",
		"subscription_state --to " + dir + " --format csv --every 24h",
	}
	s.tell(0.2)
	i := s.start()
	s.AwaitIngested(i.Run)
	i.until("both manifests", func() bool {
		manifests, err := filepath.Glob(filepath.Join(dir, "*.manifest.json"))
		s.Must(err)
		return len(manifests) == 2
	})
	i.until("the success on the page", func() bool {
		_, text := i.page("/metrics")
		return strings.Contains(text, `pianola_exports_total{format="parquet",outcome="complete",to="`+dir+`",view="stream"} 1`) &&
			strings.Contains(text, `pianola_export_interval_seconds{format="csv",to="`+dir+`",view="subscription_state"} 86400`) &&
			!strings.Contains(text, `pianola_export_last_success_timestamp_seconds{format="parquet",to="`+dir+`",view="stream"} 0`)
	})
	i.Drain()
}
