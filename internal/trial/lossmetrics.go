package trial

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/world"
)

// told holds the running consumer's metrics against what it has accepted since they
// were looked at last.
func (l *losses) told(ctx context.Context, named []world.LedgerLoss) error {
	named, err := l.record(ctx, named)
	if err != nil {
		return err
	}
	have, err := l.lossMetrics(ctx)
	if err != nil {
		return err
	}
	want := map[string]float64{}
	for key, before := range l.hasLosses {
		want[key] += before
	}
	for _, n := range named {
		series := fmt.Sprintf(`{cause=%q,partition="%d",topic=%q}`, n.Cause, n.Partition, l.topic)
		want["pianola_offsets_lost_total"+series] += float64(n.Next - n.Start)
		want["pianola_data_losses_total"+series]++
	}
	for key := range have {
		want[key] += 0
	}
	for key := range want {
		if have[key] != want[key] {
			return fmt.Errorf("%w: %s is %v, want %v", errUntold, key, have[key], want[key])
		}
	}
	l.hasLosses = have
	return nil
}

// lossMetrics are the consumer's counters of losses, by series.
func (l *losses) lossMetrics(ctx context.Context) (map[string]float64, error) {
	err := l.until(ctx, "the consumer's pages", []*process{l.consumer}, func(context.Context) (bool, error) {
		return l.consumer.journal.pagesAt() != "", nil
	})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.consumer.journal.pagesAt()+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask for metrics: %w", err)
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
