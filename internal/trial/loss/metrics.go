package loss

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/usage"
)

// checkMetrics compares the running consumer's metrics with the losses that it has
// accepted since the metrics were read last.
func (s *scenario) checkMetrics(ctx context.Context, named []world.LedgerLoss) error {
	named, err := s.record(ctx, named)
	if err != nil {
		return err
	}
	have, err := s.lossMetrics(ctx)
	if err != nil {
		return err
	}
	want := map[string]float64{}
	maps.Copy(want, s.metricsBefore)
	for _, n := range named {
		series := fmt.Sprintf(`{cause=%q,partition="%d",topic=%q}`, n.Cause, n.Partition, s.Topic)
		want["pianola_offsets_lost_total"+series] += float64(n.Next - n.Start)
		want["pianola_data_losses_total"+series]++
	}
	for key := range have {
		want[key] += 0
	}
	for key := range want {
		if have[key] != want[key] {
			return fmt.Errorf("%w: %s is %v, want %v", errReport, key, have[key], want[key])
		}
	}
	s.metricsBefore = have
	return nil
}

// lossMetrics are the consumer's counters of losses, by series.
func (s *scenario) lossMetrics(ctx context.Context) (map[string]float64, error) {
	err := s.Until(ctx, "the consumer's pages", []*harness.Process{s.Consumer}, func(context.Context) (bool, error) {
		return s.Consumer.Pages() != "", nil
	})
	if err != nil {
		return nil, err
	}
	all, err := usage.Metrics(ctx, s.Consumer.Pages())
	maps.DeleteFunc(all, func(series string, _ float64) bool {
		return !strings.HasPrefix(series, "pianola_offsets_lost_total{") && !strings.HasPrefix(series, "pianola_data_losses_total{")
	})
	return all, err
}
