package loss

import (
	"context"
	"fmt"
	"slices"

	"github.com/pianola/pianola/internal/trial/harness"
)

// Trial has messages disappear before they are read. Batches and fetches are small, so
// that a stalled process holds far less in memory than is published meanwhile.
func Trial() harness.Trial {
	return harness.Trial{
		Name: "loss", Fault: "offsets out of the log's range, messages gone unread", Times: 30, Proxied: true, Subscribers: 3000,
		Settings: map[string]string{"batch.max_rows": "50", "kafka.fetch_max_bytes": "2048"},
		New: func(r *harness.Round) harness.Scenario {
			return harness.Scenario{
				Run:     newScenario(r).run,
				Publish: func(context.Context) error { return nil }, // run publishes, between its faults
			}
		},
	}
}

// lossCase is one way in which offsets come to lie outside of the log, or messages are not
// read.
type lossCase struct {
	name string
	do   func(context.Context, *scenario) error
}

// lossCases is a function, because the cases refer to what refers to it.
func lossCases() []lossCase {
	return []lossCase{
		{"retention, nobody reads", retentionAlone},
		{"retention, reader stalled", retentionStalled},
		{"recreated and shorter, nobody reads", recreatedAlone(false)},
		{"recreated and longer, nobody reads", recreatedAlone(true)},
		{"recreated and shorter, reader at work", recreatedUnderReader(false, false)},
		{"recreated and longer, reader at work", recreatedUnderReader(true, false)},
		{"recreated and longer, reader stalled", recreatedUnderReader(true, true)},
		{"offset moved ahead", movedAhead},
		{"group's offsets deleted", forgotten},
		{"commit left behind, retention passes it", leftBehind},
	}
}

// slice is how many messages are published at a time. minLeft is what must be left of the
// world for another case: a recreated topic needs messages in every partition.
const (
	slice   = 120
	minLeft = 9 * slice
)

// run causes one loss after the other on one topic. A process with
// consumer.on_data_loss=fail has to report exactly what is lost and to commit nothing. One
// with continue has to write just that into its ledger and to continue.
func (s *scenario) run(ctx context.Context, b harness.Bounds) (int, error) {
	defer s.close()
	faults := 0
	deck := harness.Shuffled(s.Dice, lossCases()...)
	for !b.Reached(faults) && s.World.Total()-s.sent >= minLeft {
		next := deck.Draw()
		do := func(ctx context.Context) error { return next.do(ctx, s) }
		audit := func(ctx context.Context) error { return s.checkAudit(ctx, true) }
		if err := harness.InOrder(ctx, s.waitQuiescent, do, audit); err != nil {
			return faults, fmt.Errorf("%s: %w", next.name, err)
		}
		faults++
		s.Count(next.name, 1)
	}
	return faults, s.finish(ctx)
}

// waitQuiescent waits until every partition of the present topic holds messages and all
// are read. Without a message that was read, a recreated topic cannot be recognised.
func (s *scenario) waitQuiescent(ctx context.Context) error {
	err := s.publishUntil(ctx, func() bool { return !slices.Contains(s.lengths, 0) })
	if err == nil {
		err = s.publishSlice(ctx)
	}
	if err == nil && s.Consumer == nil {
		err = s.startFailing(ctx)
	}
	if err == nil {
		err = s.await(ctx)
	}
	if err != nil {
		err = fmt.Errorf("before the loss: %w", err)
	}
	return err
}

// finish publishes what is left and sets the truth. The round's last process, which
// accepts no loss, reads to the end.
func (s *scenario) finish(ctx context.Context) error {
	if err := s.publishUntil(ctx, func() bool { return false }); err != nil {
		return err
	}
	truth, err := s.World.TruthOfHistory(s.history)
	if err != nil {
		return err
	}
	s.SetTruth(truth)
	s.Settings[onDataLoss] = failing
	delete(s.Settings, "batch.max_rows") // nothing is stalled any more
	return nil
}
