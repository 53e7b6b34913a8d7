package consumer

import "slices"

// abortedTransaction is an entry of a read-committed fetch response. The records
// of this producer from this offset up to its abort marker must not be read.
type abortedTransaction struct {
	producer int64
	first    int64
}

// abortedTransactions tracks, batch by batch in offset order, which transactions
// are aborted (Kafka's read_committed protocol, KIP-98).
type abortedTransactions struct {
	waiting []abortedTransaction // by first offset
	open    map[int64]struct{}   // producers inside an aborted transaction
}

// reset takes over the list of a response.
func (a *abortedTransactions) reset(list []abortedTransaction) {
	a.waiting = append(a.waiting[:0], list...)
	slices.SortStableFunc(a.waiting, func(x, y abortedTransaction) int {
		switch {
		case x.first < y.first:
			return -1
		case x.first > y.first:
			return 1
		}
		return 0
	})
	if a.open == nil {
		a.open = make(map[int64]struct{})
	}
	clear(a.open)
}

// upTo opens the transactions that start at or before the last offset of a batch.
func (a *abortedTransactions) upTo(last int64) {
	n := 0
	for n < len(a.waiting) && a.waiting[n].first <= last {
		a.open[a.waiting[n].producer] = struct{}{}
		n++
	}
	a.waiting = slices.Delete(a.waiting, 0, n)
}

// ended handles the abort marker of a producer.
func (a *abortedTransactions) ended(producer int64) { delete(a.open, producer) }

// contains reports whether the producer's transactional records are aborted here.
func (a *abortedTransactions) contains(producer int64) bool {
	_, ok := a.open[producer]
	return ok
}
