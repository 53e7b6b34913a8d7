package pipeline

import (
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
)

// LogOpenTransaction is the warning about a transaction that stays open.
const LogOpenTransaction = "open transaction blocks the partition"

// A transaction ends within seconds, or after the producer's
// transaction.timeout.ms (60 s by default). One that stays open for longer is
// reported, and again at intervals.
const (
	maxOpenTransaction      = 2 * time.Minute
	openTransactionInterval = 10 * time.Minute
)

// openTransaction watches the last stable offset of one partition. A
// read_committed consumer gets nothing from there on while the oldest open
// transaction lasts: its lag is 0 although messages wait. The same offset seen
// twice means that the same transaction is open.
type openTransaction struct {
	offset   int64 // the last stable offset
	since    time.Time
	reported time.Time // zero before the first report
}

// observe takes the offsets of a fetch response.
func (t *openTransaction) observe(f *Flow, set *consumer.RecordSet) {
	waiting := max(0, set.HighWatermark-set.LastStable)
	f.metrics.setUnstable(set.Topic, set.Partition, waiting)
	if waiting > 0 && set.NextOffset < set.LastStable {
		// Not read up to there yet. Several sets may come from one response, minutes
		// apart while ClickHouse is unavailable, and would show the same offset.
		return
	}
	now := f.now()
	place := func() *zap.Logger { // most calls log nothing
		return f.log.With(zap.String("topic", set.Topic), zap.Int32("partition", set.Partition), zap.Int64("offset", t.offset))
	}
	if waiting == 0 || t.since.IsZero() || set.LastStable != t.offset {
		if !t.reported.IsZero() {
			place().Info("open transaction ended", zap.Duration("elapsed", now.Sub(t.since)))
		}
		*t = openTransaction{}
		if waiting > 0 {
			t.offset, t.since = set.LastStable, now
		}
		return
	}
	if now.Sub(t.since) < maxOpenTransaction || !t.reported.IsZero() && now.Sub(t.reported) < openTransactionInterval {
		return
	}
	t.reported = now
	place().Warn(LogOpenTransaction, zap.Int64("waiting", waiting), zap.Duration("elapsed", now.Sub(t.since)),
		zap.String("hint", "nothing from this offset on can be read until the transaction ends; "+
			"find its producer with kafka-transactions.sh find-hanging, and abort it"))
}
