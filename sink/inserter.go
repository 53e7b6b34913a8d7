package sink

import "context"

// inserter sends the event rows of one segment as one INSERT. Native and HTTP
// implement it, and in tests decorators that put faults in.
//
// nil means that ClickHouse has acknowledged all rows. Any error is an *Error
// and leaves the outcome unknown unless it carries a code. Implementations do
// not retry; the same segment may be sent again, and is then the same bytes in
// the same blocks. Not safe for concurrent use.
type inserter interface {
	insert(ctx context.Context, s segment) error
	close() error
}
