package loss

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/sandbox/world"
)

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
