package consumer

import "slices"

// abortedTransaction is one that a broker names beside the records of a
// read-committed fetch: the records of that producer from that offset on, up to
// its abort marker, are not to be read.
type abortedTransaction struct {
	producer int64
	first    int64
}

// abortedTransactions follows, batch by batch in offset order, which producers'
// transactions are aborted (Kafka's protocol for read_committed, KIP-98).
type abortedTransactions struct {
	waiting []abortedTransaction // by first offset
	open    map[int64]struct{}   // producers whose aborted transaction has begun
}

// reset forgets everything and takes over a response's list.
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

// upTo opens the transactions that begin no later than a batch's last offset.
func (a *abortedTransactions) upTo(last int64) {
	n := 0
	for n < len(a.waiting) && a.waiting[n].first <= last {
		a.open[a.waiting[n].producer] = struct{}{}
		n++
	}
	a.waiting = slices.Delete(a.waiting, 0, n)
}

// ended tells of a producer's abort marker.
func (a *abortedTransactions) ended(producer int64) { delete(a.open, producer) }

// holds says whether a producer's transactional records are aborted here.
func (a *abortedTransactions) contains(producer int64) bool {
	_, ok := a.open[producer]
	return ok
}
