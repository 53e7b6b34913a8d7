package export

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// measure follows the bytes of a file while they are written, and reads from them what the
// file contains.
type measure interface {
	// add takes the next bytes. They are valid during the call only.
	add(p []byte) error
	// facts is called after the last byte. An incomplete file is an error.
	facts() (facts, error)
}

// timePosition is the position of a column of times among the columns of a file; -1 if
// the file has no such column, or one with NULLs.
func timePosition(columns []Column, name string) int {
	return slices.IndexFunc(columns, func(c Column) bool { return c.Name == name && c.Type == Timestamp && !c.Nullable })
}

// facts are what a file contains.
type facts struct {
	rows            uint64
	partition, sync Range
}

// Range is the first and the last time of a column; absent without values.
type Range struct {
	Min *Instant `json:"min"`
	Max *Instant `json:"max"`
}

// Instant is a time in the form of the files: RFC 3339 in UTC with milliseconds.
type Instant time.Time

// instantForm is the form of every time in files and manifests.
const instantForm = "2006-01-02T15:04:05.000Z"

// Time returns it as a time.
func (i Instant) Time() time.Time { return time.Time(i) }

// String has the form of the files.
func (i Instant) String() string { return time.Time(i).UTC().Format(instantForm) }

// MarshalText has the form of the files.
func (i Instant) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads the form of the files.
func (i *Instant) UnmarshalText(text []byte) error {
	at, err := time.Parse(instantForm, string(text))
	*i = Instant(at)
	return err
}

// include extends the range.
func (r *Range) include(at time.Time) {
	if r.Min == nil || at.Before(r.Min.Time()) {
		r.Min = new(Instant(at))
	}
	if r.Max == nil || at.After(r.Max.Time()) {
		r.Max = new(Instant(at))
	}
}

// join extends the range by another one.
func (r *Range) join(other Range) {
	if other.Min != nil {
		r.include(other.Min.Time())
		r.include(other.Max.Time())
	}
}

// textRange is a range of times in their textual form. All have the same width and are in
// UTC, so the order of the texts is the order of the times.
type textRange struct {
	set      bool
	min, max [len(instantForm)]byte
}

var errTime = errors.New("the file has a time of another form than RFC 3339 with milliseconds")

func (r *textRange) include(text []byte) error {
	if len(text) != len(instantForm) || text[len(text)-1] != 'Z' || text[10] != 'T' {
		return errTime
	}
	if !r.set {
		copy(r.min[:], text)
		copy(r.max[:], text)
		r.set = true
		return nil
	}
	if string(text) < string(r.min[:]) {
		copy(r.min[:], text)
	}
	if string(text) > string(r.max[:]) {
		copy(r.max[:], text)
	}
	return nil
}

// times parses the ends.
func (r *textRange) times() (Range, error) {
	if !r.set {
		return Range{}, nil
	}
	var first, last Instant
	if err := errors.Join(first.UnmarshalText(r.min[:]), last.UnmarshalText(r.max[:])); err != nil {
		return Range{}, fmt.Errorf("%w: %w", errTime, err)
	}
	return Range{Min: &first, Max: &last}, nil
}

// textFacts are the facts of a file of text.
type textFacts struct {
	rows            uint64
	partition, sync textRange
}

func (t *textFacts) facts() (facts, error) {
	f := facts{rows: t.rows}
	var first, second error
	f.partition, first = t.partition.times()
	f.sync, second = t.sync.times()
	return f, errors.Join(first, second)
}
