package trial

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// said holds the last words of a process against what was lost.
func (l *losses) said(words string, named []world.LedgerLoss) error {
	if !strings.Contains(words, "consumer.on_data_loss=continue") {
		return fmt.Errorf("%w: not what to do, in\n%s", errUntold, words)
	}
	sentences := regexp.MustCompile(pipeline.DataLossPrefix+regexp.QuoteMeta(l.topic)+`/(\d+): (?:.*?(\d+) offsets \[(\d+), (\d+)\))?`).FindAllStringSubmatch(words, -1)
	if len(sentences) != len(named) {
		return fmt.Errorf("%w: %d losses, want %d, in\n%s", errUntold, len(sentences), len(named), words)
	}
	for i, n := range named {
		var numbers [4]int64 // partition, count, start, next
		for k := range numbers {
			numbers[k], _ = strconv.ParseInt(sentences[i][k+1], 10, 64) // 0 where there is none
		}
		told := world.Range{Epoch: n.Epoch, Partition: int32(numbers[0]), Start: numbers[2], Next: numbers[3]}
		late := told
		late.Start = n.Start
		if told != n.Range && (late != n.Range || told.Start > n.Start || !l.late) || numbers[1] != told.Next-told.Start {
			return fmt.Errorf("%w: %s and %d offsets, want %s, in\n%s", errUntold, told, numbers[1], n.Range, words)
		}
	}
	return nil
}

// record takes losses into the course, and gives them as the ledger names them. An
// insert that its client has given up may be finished by the server after the loss
// was judged: then the row that names it begins before what is lost in truth.
func (l *losses) record(ctx context.Context, named []world.LedgerLoss) ([]world.LedgerLoss, error) {
	rows := append([]world.LedgerLoss(nil), named...)
	for i := range rows {
		n := &rows[i]
		if n.Start == n.Next {
			continue
		}
		l.course.Lost = append(l.course.Lost, n.Range)
		if !l.late {
			continue
		}
		var start int64
		err := l.conn.QueryRow(ctx, `SELECT min(start_offset) FROM ingest_ledger WHERE kind = 'lost'
AND source_epoch = $1 AND source_partition = $2 AND next_offset = $3`, n.Epoch, n.Partition, n.Next).Scan(&start)
		if err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		if start < n.Start {
			l.tally["and an insert landed late"]++
			n.Start = start
		}
	}
	l.course.LedgerLosses = append(l.course.LedgerLosses, rows...)
	return rows, nil
}
