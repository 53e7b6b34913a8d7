package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pianola/pianola/internal/audit"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// found is what the audit has to call a loss that nobody has accepted.
var found = map[schemas.LostCause]audit.Kind{
	schemas.LostToRetention:    audit.UnreadLost,
	schemas.LostTopicRecreated: audit.TopicChanged,
	schemas.LostToMovedOffset:  audit.CommittedBeyond,
}

// auditFinds runs `pianola audit`, which has to exit with 3 and to name the
// partitions.
func (l *losses) auditFinds(ctx context.Context, named []world.LedgerLoss) error {
	report, err := l.audited(ctx, statusFound)
	if err != nil {
		return err
	}
	var have, want []string
	for _, f := range report.Findings {
		have = append(have, fmt.Sprintf("%s in %d", f.Kind, f.Partition))
	}
	for _, n := range named {
		want = append(want, fmt.Sprintf("%s in %d", found[n.Cause], n.Partition))
	}
	if !slices.Equal(have, want) {
		return fmt.Errorf("%w: the audit finds %v, want %v", errUntold, have, want)
	}
	return nil
}

// auditClean runs `pianola audit --deep`, which has to find nothing and to name all
// that was accepted.
func (l *losses) auditClean(ctx context.Context) error {
	report, err := l.audited(ctx, statusDone, "--deep")
	if err != nil {
		return err
	}
	var have, want []string
	for _, p := range report.Partitions {
		for _, lost := range p.Lost {
			have = append(have, fmt.Sprintf("%s %s", lost.Cause, world.Range{Epoch: p.Epoch, Partition: p.Partition, Start: lost.Start, Next: lost.Next}))
		}
	}
	for _, n := range l.course.LedgerLosses {
		want = append(want, fmt.Sprintf("%s %s", n.Cause, n.Range))
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		return fmt.Errorf("%w: the deep audit names %v, want %v", errUntold, have, want)
	}
	return nil
}

// audited runs the command as an operator does.
func (l *losses) audited(ctx context.Context, status int, more ...string) (*audit.Report, error) {
	out, err := l.pianolaExits(ctx, status, append([]string{"audit", "--json"}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUntold, err)
	}
	report := &audit.Report{}
	if err := json.Unmarshal(out, report); err != nil {
		return nil, fmt.Errorf("read what the audit says: %w", err)
	}
	return report, nil
}
