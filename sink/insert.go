package sink

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// inserter inserts every event row of a batch, or returns it as refused.
type inserter struct {
	deliverer
	transport transport
	lookup    lookup
	onInsert  func(table string, rows, bytes int, elapsed time.Duration)
	clock     func() time.Time

	// maxBytes is the size of a segment that a proxy may accept, learned from its
	// 413 at learnedAt; 0 before. A proxy refuses a large request only after it was
	// sent. It is forgotten after forgetMaxBytes, since somebody may raise the limit.
	maxBytes  int
	learnedAt time.Time
}

const forgetMaxBytes = 10 * time.Minute

// lookup asks the events table for rows after a failed INSERT: a materialized view
// that fails makes the INSERT fail although the rows are in the table. The Writer
// implements it, and the memory of the unit tests.
type lookup interface {
	// absent returns the rows of s that no attempt of this flush has stored, in
	// their order, and with them the stored ones that a merge has replaced.
	absent(ctx context.Context, s segment) (segment, error)
	// stored reports for each refused row whether the table has it, or the same
	// event from a higher version.
	stored(ctx context.Context, all segment, refused []refusal) ([]bool, error)
}

// refusal is one row that ClickHouse does not accept.
type refusal struct {
	part  int // index in the batch
	row   int // index in the part's chunk
	code  int32
	named bool // ClickHouse named the row: a constraint of the table refuses it
}

// viewFailure is a materialized view that failed after the rows were stored.
type viewFailure struct {
	view string // empty where ClickHouse did not name it
	code int32
}

// insertResult is the outcome of a batch's events.
type insertResult struct {
	refused  []refusal // in the order of the batch
	attempts int
	splits   int
	views    map[viewFailure]int // stored rows, by the view that failed for them
}

// insert inserts the segment. It halves a segment that is too large, and finds the
// rows that ClickHouse refuses. Left halves go first, so the order of the rows
// stays and at most one segment per level waits. More refused rows than limit are
// fatal. The error is as deliver's. After an error the result must not be used.
func (t *inserter) insert(ctx context.Context, all segment, limit int) (insertResult, error) {
	i := insertion{inserter: t, all: all, limit: limit}
	err := i.run(ctx)
	return i.insertResult, err
}

// insertion is one insert of all rows of a batch.
type insertion struct {
	*inserter
	insertResult
	all   segment
	limit int // on refused rows

	tokens   int  // number of tokens in use
	unstored bool // an INSERT that failed outside of a view has left no row in the table
}

func (i *insertion) run(ctx context.Context) error {
	if i.all.rows == 0 {
		return nil
	}
	if i.maxBytes > 0 && i.clock().Sub(i.learnedAt) > forgetMaxBytes {
		i.maxBytes = 0
	}
	waiting := []segment{i.all}
	for len(waiting) > 0 {
		s := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		if i.maxBytes > 0 && s.bytes() > i.maxBytes && s.rows > 1 {
			left, right := s.halves()
			waiting = append(waiting, right, left)
			continue
		}
		failure, err := i.send(ctx, s)
		var rest []segment
		switch {
		case err != nil, failure == nil:
		case failure.Class == ClassRow:
			rest, err = i.refuse(ctx, s, failure)
		default:
			rest = i.halve(s, failure)
		}
		if err == nil && len(i.refused) > i.limit {
			if err = i.confirm(ctx); err == nil && len(i.refused) > i.limit {
				err = tooManyRefused(failure.Code, tooMany(len(i.refused), i.all.rows))
			}
		}
		if err != nil {
			return err
		}
		waiting = append(waiting, rest...)
	}
	return i.confirm(ctx)
}

// send sends a segment as one INSERT. The failure is of class split or row.
func (i *insertion) send(ctx context.Context, s segment) (*Error, error) {
	start := i.clock()
	d, err := i.deliver(ctx, insertOp(EventsTable), s.rows > 1, func(ctx context.Context, attempt int) error {
		return i.transport.insert(ctx, s.attempt(attempt))
	})
	i.attempts += d.attempts
	if err == nil && d.refused == nil {
		i.onInsert(EventsTable, s.rows, s.bytes(), i.clock().Sub(start))
	}
	return d.refused, err
}

func (i *insertion) halve(s segment, failure *Error) []segment {
	i.log.Warn(LogInsertHalved, zap.Int("rows", s.rows), zap.Stringer("class", failure.Class), zap.Error(failure))
	i.splits++
	if failure.Status == http.StatusRequestEntityTooLarge {
		i.maxBytes, i.learnedAt = s.bytes()/2, i.clock()
	}
	left, right := s.halves()
	return []segment{right, left}
}

// refuse handles a failure of class row, and returns the segments that remain to be
// sent. Three kinds of failures look alike:
//
//   - A constraint of the table refuses rows before anything is stored, and
//     ClickHouse names the first of them: sift finds the others.
//   - A materialized view fails. The rows are in the table then. If they are
//     not, they are sent again without regard to views.
//   - A type or an expression of the table refuses a row, and ClickHouse does
//     not name the row: bisect.
func (i *insertion) refuse(ctx context.Context, s segment, failure *Error) ([]segment, error) {
	if failure.row >= 1 && failure.row <= s.rows {
		clean, err := i.sift(ctx, s, failure)
		if err != nil || clean.rows == 0 {
			return nil, err
		}
		return []segment{clean}, nil
	}
	// A view can fail after another row was refused, so unstored says nothing about it.
	if !i.unstored || failure.View != "" {
		missing, err := i.lookup.absent(ctx, s)
		if err != nil {
			return nil, err
		}
		if missing.rows < s.rows {
			i.blame(viewFailure{failure.View, failure.Code}, s.rows-missing.rows)
			if missing.rows == 0 {
				return nil, nil
			}
			missing.token = i.token()
			return []segment{missing}, nil
		}
		if failure.View != "" && !s.withoutViews {
			i.blame(viewFailure{failure.View, failure.Code}, s.rows)
			s.token, s.withoutViews = i.token(), true
			return []segment{s}, nil
		}
		i.unstored = i.unstored || failure.View == ""
	}
	if failure.viewOnly {
		return nil, failure.fatal()
	}
	i.onRetry(ClassRow, failure.Code)
	if s.rows == 1 {
		i.addRefused(s, failure.Code, false)
		return nil, nil
	}
	return i.halve(s, failure), nil
}

// minProbe and maxProbe bound the rows of one probe.
const (
	minProbe = 64
	maxProbe = 50_000
)

// sift finds the rows of s that violate a constraint of the table, and returns the
// others. failure names the first of them. It sends the rest in pieces. The first
// refused row is added at the end of each piece. So ClickHouse refuses every piece
// as a whole, stores nothing, and names the first refused row of the piece: the
// added one when all others are right. A piece is about twice the distance between
// two refused rows. So finding them takes about as many INSERTs as there are refused
// rows, and one INSERT stores the others.
//
// Where a table has several constraints, the pieces are judged by the one that
// refused the first row. The INSERT of the other rows finds the next.
func (i *insertion) sift(ctx context.Context, s segment, failure *Error) (segment, error) {
	i.onRetry(ClassRow, failure.Code)
	known := s.slice(failure.row-1, failure.row, "")
	i.addRefused(known, failure.Code, true)
	clean := s.slice(0, failure.row-1, i.token())
	found, scanned := 1, failure.row
	for scanned < s.rows && len(i.refused) <= i.limit {
		size := min(max(2*scanned/found, minProbe), maxProbe, s.rows-scanned)
		probe := s.slice(scanned, scanned+size, i.token())
		probe.append(known)
		answer, err := i.send(ctx, probe)
		switch {
		case err != nil:
			return clean, err
		case answer == nil: // the constraint was dropped meanwhile, and the rows are stored
			scanned += size
			continue
		case answer.row < 1 || answer.row > probe.rows: // another failure, which the INSERT of the rest meets again
			clean.append(s.slice(scanned, s.rows, ""))
			return clean, nil
		}
		right := min(answer.row-1, size)
		clean.append(s.slice(scanned, scanned+right, ""))
		if scanned += right; right < size {
			i.onRetry(ClassRow, answer.Code)
			i.addRefused(s.slice(scanned, scanned+1, ""), answer.Code, true)
			found, scanned = found+1, scanned+1
		}
	}
	return clean, nil
}

// confirm takes the rows out of the refused ones that are in the table after all:
// a view failed for them, or the table had the event before.
func (i *insertion) confirm(ctx context.Context) error {
	if len(i.refused) == 0 {
		return nil
	}
	stored, err := i.lookup.stored(ctx, i.all, i.refused)
	if err != nil {
		return err
	}
	var refused []refusal
	for n, r := range i.refused {
		switch {
		case !stored[n]:
			refused = append(refused, r)
		case !r.named:
			i.blame(viewFailure{code: r.code}, 1)
		}
	}
	slices.SortFunc(refused, func(a, b refusal) int {
		return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.row, b.row))
	})
	i.refused = refused
	return nil
}

// token is a token that no other segment of the batch has.
func (i *insertion) token() string {
	i.tokens++
	return i.all.token + "~" + strconv.Itoa(i.tokens)
}

// addRefused adds the only row of a segment.
func (i *insertion) addRefused(s segment, code int32, named bool) {
	only := s.blocks[0]
	i.refused = append(i.refused, refusal{only.part, only.from, code, named})
}

func (i *insertion) blame(failure viewFailure, rows int) {
	if i.views == nil {
		i.views = make(map[viewFailure]int)
	}
	i.views[failure] += rows
}

// transport sends the event rows of one segment as one INSERT. The native and the
// HTTP protocol implement it, and decorators that inject faults in tests.
//
// nil means that ClickHouse has acknowledged all rows. Any error is an *Error,
// and the outcome is unknown unless it has a code. Implementations do not retry.
// The same segment may be sent again, with the same bytes in the same blocks. Not
// safe for concurrent use.
type transport interface {
	insert(ctx context.Context, s segment) error
	close() error
}
