package loss

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pianola/pianola/internal/audit"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/schemas"
)

// wantKinds is the finding of the audit for a loss that has not been accepted.
var wantKinds = map[schemas.LostCause]audit.Kind{
	schemas.LostToRetention:    audit.UnreadLost,
	schemas.LostTopicRecreated: audit.TopicChanged,
	schemas.LostToMovedOffset:  audit.CommittedBeyond,
}

// auditFinds runs `pianola audit`, which has to exit with 3 and name the partitions.
func (s *scenario) auditFinds(ctx context.Context, named []world.LedgerLoss) error {
	report, err := s.audited(ctx, harness.StatusFound)
	if err != nil {
		return err
	}
	var have, want []string
	for _, f := range report.Findings {
		have = append(have, fmt.Sprintf("%s in %d", f.Kind, f.Partition))
	}
	for _, n := range named {
		want = append(want, fmt.Sprintf("%s in %d", wantKinds[n.Cause], n.Partition))
	}
	if !slices.Equal(have, want) {
		return fmt.Errorf("%w: the audit finds %v, want %v", errReport, have, want)
	}
	return nil
}

// auditClean runs `pianola audit --deep`, which has to find nothing and name all accepted
// losses.
func (s *scenario) auditClean(ctx context.Context) error {
	report, err := s.audited(ctx, harness.StatusDone, "--deep")
	if err != nil {
		return err
	}
	var have, want []string
	for _, p := range report.Partitions {
		for _, lost := range p.Lost {
			have = append(have, fmt.Sprintf("%s %s", lost.Cause, world.Range{Epoch: p.Epoch, Partition: p.Partition, Start: lost.Start, Next: lost.Next}))
		}
	}
	for _, n := range s.history.LedgerLosses {
		want = append(want, fmt.Sprintf("%s %s", n.Cause, n.Range))
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		return fmt.Errorf("%w: the deep audit names %v, want %v", errReport, have, want)
	}
	return nil
}

// audited runs the command and returns its report.
func (s *scenario) audited(ctx context.Context, status int, more ...string) (*audit.Report, error) {
	out, err := s.Pianola(ctx, status, append([]string{"audit", "--json"}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errReport, err)
	}
	report := &audit.Report{}
	if err := json.Unmarshal(out, report); err != nil {
		return nil, fmt.Errorf("read the report of the audit: %w", err)
	}
	return report, nil
}
