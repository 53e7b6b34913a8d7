package migrate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/sink"
)

// The results of Check that need an operator. The error that wraps one of them says what
// to do.
var (
	ErrSchemaOlder = errors.New("the schema is older than this binary")
	ErrSchemaNewer = errors.New("the schema is newer than this binary")
)

// ErrProxy means that something in front of ClickHouse answers every repetition alike.
var ErrProxy = errors.New("a proxy in front of clickhouse does not pass the request on")

// ServerError is an exception of ClickHouse. It has only the code, its name and a missing
// grant: the server's text can contain values of columns.
type ServerError struct {
	Code    int32
	Name    string
	Missing string // the privilege that the user lacks, such as "SELECT ON piano.drift"; may be empty
}

// Error has the code, its name and, for the usual codes, what to do.
func (e *ServerError) Error() string {
	text := fmt.Sprintf("clickhouse refused with code %d", e.Code)
	if e.Name != "" {
		text += " (" + e.Name + ")"
	}
	if hint := e.hint(); hint != "" {
		text += ": " + hint
	}
	return text
}

func (e *ServerError) hint() string {
	switch e.Code {
	case 60: // UNKNOWN_TABLE
		return "a table is missing; run pianola migrate"
	case 81: // UNKNOWN_DATABASE
		return "the database is missing; run pianola migrate"
	case 46, 47, 115: // UNKNOWN_FUNCTION, UNKNOWN_IDENTIFIER, UNKNOWN_SETTING
		return "the server is older than the oldest ClickHouse that docs/operations.md names, or the schema is not this version's"
	case 158, 307, 396: // TOO_MANY_ROWS, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES
		return "the user's profile limits what a query may read; raise the limit"
	case 164: // READONLY
		return "the user may only read; migrate with a user who may change the schema"
	case 192, 193, 194, 516: // unknown user, wrong password, no password, authentication failed
		return "authentication failed; check clickhouse.user and clickhouse.password_file"
	case 497: // ACCESS_DENIED
		if e.Missing != "" {
			return "give the user the grant " + e.Missing + "; docs/operations.md lists all grants"
		}
		return "give the user the grants that docs/operations.md lists"
	default:
		return ""
	}
}

// codeName is ClickHouse's name of a code, empty where the driver does not know it.
func codeName(code int32) string {
	if name := proto.Error(code); name.IsAError() {
		return name.String()
	}
	return ""
}

// Explain turns an error of clickhouse-go into one that may be shown and logged: a
// ServerError for an exception, and the cause with what to check for a failed connection.
// Network errors contain addresses of servers and no data, and stay wrapped.
func Explain(err error) error {
	var exception *clickhouse.Exception
	var status *clickhouse.HTTPError
	var operation *net.OpError
	var network net.Error
	var certificate *tls.CertificateVerificationError
	var request *url.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sink.ErrOutdated), errors.Is(err, sink.ErrBlocked): // of a gate, not of ClickHouse
		return err
	case errors.As(err, &exception):
		// The exception's name is a C++ class, the same for every code.
		return &ServerError{Code: exception.Code, Name: codeName(exception.Code), Missing: sink.MissingGrant(exception.Message)}
	case errors.As(err, &status) && status.StatusCode >= 300 && status.StatusCode < 400:
		return fmt.Errorf("%w: http status %d redirects to another address, which is not followed, check clickhouse.addr and clickhouse.tls", ErrProxy, status.StatusCode)
	case errors.As(err, &status) && status.StatusCode == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: http status %d, raise its limit on the size of a request", ErrProxy, status.StatusCode)
	case errors.As(err, &status): // its text is the body, of any sender
		return fmt.Errorf("http status %d is not an answer of clickhouse, check clickhouse.addr, clickhouse.protocol and clickhouse.tls", status.StatusCode)
	case errors.As(err, &certificate):
		return fmt.Errorf("clickhouse's certificate is not trusted, check clickhouse.tls: %w", certificate)
	case errors.As(err, new(tls.RecordHeaderError)), errors.Is(err, http.ErrSchemeMismatch):
		return errors.New("one side uses tls and the other does not, check clickhouse.tls.enabled and the port in clickhouse.addr")
	case errors.As(err, &operation) && operation.Op == "remote error": // crypto/tls: an alert of the server
		return fmt.Errorf("clickhouse rejected the client certificate, check clickhouse.tls.cert_file and clickhouse.tls.key_file: %w", operation)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the connection was closed before clickhouse answered, check clickhouse.protocol and clickhouse.tls.enabled: %w", io.EOF)
	case errors.As(err, &request) && request.Timeout(): // a timeout of net/http counts as the context's
		return fmt.Errorf("no answer from clickhouse in time, check clickhouse.addr and clickhouse.insert_timeout: %w", context.DeadlineExceeded)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &operation): // without the driver's text
		return fmt.Errorf("no answer from clickhouse, check clickhouse.addr and clickhouse.protocol: %w", operation)
	case errors.As(err, &network):
		return fmt.Errorf("no answer from clickhouse, check clickhouse.addr and clickhouse.protocol: %w", err)
	default:
		return fmt.Errorf("clickhouse connection: %w", err)
	}
}
