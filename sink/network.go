package sink

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/clickhouse-go/v2"
)

// Texts that replace a library's text, which may contain values.
var (
	errConnection = errors.New("the connection failed")
	errNoConn     = errors.New("no connection within clickhouse.dial_timeout")
	errNotTLS     = errors.New("one side uses tls and the other does not")
	errProtocol   = errors.New("the answer is not ClickHouse's protocol")
)

// networkCause returns the part of err that is safe to show after a network or
// timeout error, and nil after other errors.
func networkCause(err error) error {
	// Context errors first: an operation that a context ended often fails as a
	// network error too.
	for _, signal := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, signal) {
			return signal
		}
	}
	// An OpError names addresses and system errors, a DNSError a host.
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	for _, plain := range []error{io.ErrUnexpectedEOF, io.EOF, net.ErrClosed, os.ErrDeadlineExceeded} {
		if errors.Is(err, plain) {
			return plain
		}
	}
	if errors.Is(err, clickhouse.ErrAcquireConnTimeout) {
		return errNoConn
	}
	for _, gone := range []error{driver.ErrBadConn, clickhouse.ErrConnectionClosed, ch.ErrClosed} {
		if errors.Is(err, gone) {
			return errConnection
		}
	}
	// A url.Error holds the statement and its settings, so it is not shown.
	// net/http returns one for every broken exchange.
	var request *url.Error
	var timeout net.Error
	if errors.As(err, &request) || errors.As(err, &timeout) {
		return errConnection
	}
	return nil
}
