package loss

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
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
	for key, before := range s.metricsBefore {
		want[key] += before
	}
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
	err := s.Until(ctx, "the consumer's pages", []*harness.Process{s.consumer}, func(context.Context) (bool, error) {
		return s.consumer.Pages() != "", nil
	})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.consumer.Pages()+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("get metrics: %w", err)
	}
	defer response.Body.Close()
	found := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if !strings.HasPrefix(name, "pianola_offsets_lost_total{") && !strings.HasPrefix(name, "pianola_data_losses_total{") {
			continue
		}
		if found[name], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, fmt.Errorf("read metric %s: %w", name, err)
		}
	}
	return found, lines.Err()
}
