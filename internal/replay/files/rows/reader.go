package rows

import (
	"io"

	"github.com/pianola/pianola/transform"
)

// Reader returns the rows of a file as messages, in order. It is used by one goroutine.
type Reader interface {
	// Next returns the message of the next row, valid until the next call. After the last
	// row the error is io.EOF. After another error the reader must not be used.
	Next() ([]byte, error)
	// Truncated reports whether the last message is longer than the limit and incomplete.
	// It still has more bytes than the limit, so that the stages refuse it.
	Truncated() bool
	// Skip reads over rows. Fewer rows are an error: io.EOF.
	Skip(rows int64) error
	// Close frees what the reader holds. It does not close the file.
	Close()
}

// Limits are what a reader may hold.
type Limits struct {
	// Message is transform.max_message_bytes.
	Message int
}

// ndjson reads lines.
type ndjson struct {
	*transform.Lines
}

// NewNDJSON reads one message a line.
func NewNDJSON(r io.Reader, l Limits) Reader { return ndjson{transform.NewLines(r, l.Message)} }

// Skip reads over lines.
func (n ndjson) Skip(rows int64) error {
	for range rows {
		if _, err := n.Next(); err != nil {
			return err
		}
	}
	return nil
}

// Close has nothing to free.
func (n ndjson) Close() {}
