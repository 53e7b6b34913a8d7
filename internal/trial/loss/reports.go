package loss

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/audit"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/usage"
	"github.com/pianola/pianola/schemas"
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

// checkMessages compares the last lines of a process with what was lost.
func (s *scenario) checkMessages(log string, named []world.LedgerLoss) error {
	if !strings.Contains(log, "consumer.on_data_loss=continue") {
		return fmt.Errorf("%w: what to do is missing in\n%s", errReport, log)
	}
	sentences := regexp.MustCompile(pipeline.DataLossPrefix+regexp.QuoteMeta(s.Topic)+`/(\d+): (?:.*?(\d+) offsets \[(\d+), (\d+)\))?`).FindAllStringSubmatch(log, -1)
	if len(sentences) != len(named) {
		return fmt.Errorf("%w: %d losses, want %d, in\n%s", errReport, len(sentences), len(named), log)
	}
	for i, n := range named {
		var numbers [4]int64 // partition, count, start, next
		for k := range numbers {
			numbers[k], _ = strconv.ParseInt(sentences[i][k+1], 10, 64) // 0 where the text has no number
		}
		have := world.Range{Epoch: n.Epoch, Partition: int32(numbers[0]), Start: numbers[2], Next: numbers[3]}
		late := have
		late.Start = n.Start
		if have != n.Range && (late != n.Range || have.Start > n.Start || !s.late) || numbers[1] != have.Next-have.Start {
			return fmt.Errorf("%w: %s and %d offsets, want %s, in\n%s", errReport, have, numbers[1], n.Range, log)
		}
	}
	return nil
}

// record adds losses to the history, and returns them as the ledger names them. The server
// may finish an insert after its client has abandoned it and the loss was decided. Then the
// ledger's row begins before what is really lost.
func (s *scenario) record(ctx context.Context, named []world.LedgerLoss) ([]world.LedgerLoss, error) {
	rows := append([]world.LedgerLoss(nil), named...)
	for i := range rows {
		n := &rows[i]
		if n.Start == n.Next {
			continue
		}
		s.history.Lost = append(s.history.Lost, n.Range)
		if !s.late {
			continue
		}
		var start int64
		err := s.Conn.QueryRow(ctx, `SELECT min(start_offset) FROM ingest_ledger WHERE kind = 'lost'
AND source_epoch = $1 AND source_partition = $2 AND next_offset = $3`, n.Epoch, n.Partition, n.Next).Scan(&start)
		if err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		if start < n.Start {
			s.Count("and an insert landed late", 1)
			n.Start = start
		}
	}
	s.history.LedgerLosses = append(s.history.LedgerLosses, rows...)
	return rows, nil
}

// wantKinds is the finding of the audit for a loss that has not been accepted.
var wantKinds = map[schemas.LostCause]audit.Kind{
	schemas.LostToRetention:    audit.UnreadLost,
	schemas.LostTopicRecreated: audit.TopicChanged,
	schemas.LostToMovedOffset:  audit.CommittedBeyond,
}

// checkAudit runs `pianola audit`, which has to find the named losses. With deep it has to
// find nothing, and to name all accepted losses.
func (s *scenario) checkAudit(ctx context.Context, deep bool, named ...world.LedgerLoss) error {
	arguments, status := []string{"audit", "--json"}, harness.StatusFound
	if deep {
		arguments, status = append(arguments, "--deep"), harness.StatusDone
	}
	out, err := s.Pianola(ctx, status, arguments...)
	if err != nil {
		return fmt.Errorf("%w: %w", errReport, err)
	}
	var report audit.Report
	if err := json.Unmarshal(out, &report); err != nil {
		return fmt.Errorf("read the report of the audit: %w", err)
	}
	var have, want []string
	for _, f := range report.Findings {
		have = append(have, fmt.Sprintf("%s in %d", f.Kind, f.Partition))
	}
	for _, n := range named {
		want = append(want, fmt.Sprintf("%s in %d", wantKinds[n.Cause], n.Partition))
	}
	if deep {
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
	}
	if !slices.Equal(have, want) {
		return fmt.Errorf("%w: the audit names %v, want %v", errReport, have, want)
	}
	return nil
}
