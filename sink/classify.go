package sink

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
)

// newError turns an error of a library into an Error with a class. The class
// depends only on the error. The deliverer decides what a series of errors means,
// such as three timeouts in a row.
func newError(op, addr string, err error) *Error {
	e := &Error{Op: op, Addr: addr}
	var httpErr *clickhouse.HTTPError
	if code, message, ok := exception(err); ok {
		e.Code, e.Name = code, codeName(code)
		e.Class, e.Hint = classifyCode(code, message)
		return e
	}
	if errors.As(err, &httpErr) {
		e.Status = httpErr.StatusCode
		e.Class, e.Hint = classifyStatus(httpErr.StatusCode)
		return e
	}
	e.Class, e.Hint, e.cause = classifyClient(err)
	return e
}

// exception finds the server's own error, from either library. The message is
// only for classification.
func exception(err error) (code int32, message string, ok bool) {
	var native *ch.Exception
	if errors.As(err, &native) {
		return int32(native.Code), native.Message, true
	}
	var other *clickhouse.Exception
	if errors.As(err, &other) {
		return other.Code, other.Message, true
	}
	return 0, "", false
}

func codeName(code int32) string {
	if e := proto.Error(code); e.IsAError() {
		return e.String()
	}
	return "UNKNOWN"
}

// ClassOf is the class of a ClickHouse error code, for callers with statements of
// their own.
func ClassOf(code int32) Class {
	class, _ := classifyCode(code, "")
	return class
}

// classifyCode is the table of ClickHouse's error codes, with a reason for each
// branch.
func classifyCode(code int32, message string) (Class, string) {
	switch code {
	case 159: // TIMEOUT_EXCEEDED: the server's own bound; load may fall
		return ClassRetry, ""
	case 202: // TOO_MANY_SIMULTANEOUS_QUERIES: other queries end
		return ClassRetry, ""
	case 209, 210: // SOCKET_TIMEOUT, NETWORK_ERROR: between servers, temporary
		return ClassRetry, ""
	case 236: // ABORTED: the server is shutting down or restarting
		return ClassRetry, ""
	case 394: // QUERY_WAS_CANCELLED: a server that shuts down kills running queries; so may an operator
		return ClassRetry, ""
	case 242: // TABLE_IS_READ_ONLY: the replica has lost its Keeper session
		return ClassRetry, ""
	case 319: // UNKNOWN_STATUS_OF_INSERT: rows and token are idempotent
		return ClassRetry, ""
	case 999: // KEEPER_EXCEPTION: sessions come back
		return ClassRetry, ""
	case 252: // TOO_MANY_PARTS is two errors under one code
		if strings.Contains(message, "single INSERT block") {
			// A limit on months in one block: a retry sends the same rows.
			return ClassFatal, "set max_partitions_per_insert_block to 0 in the user's profile"
		}
		return ClassRetry, "" // merges are behind; a pause helps
	case 241: // MEMORY_LIMIT_EXCEEDED: a smaller insert may fit
		return ClassSplit, ""
	case 469: // VIOLATED_CONSTRAINT: an operator's CHECK refuses a row
		return ClassRow, ""
	case 69, 321, 407: // ARGUMENT_OUT_OF_BOUND, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, DECIMAL_OVERFLOW: a value too large for an expression or a view on the table
		return ClassRow, ""
	case 6, 38, 41, 72: // CANNOT_PARSE_TEXT, _DATE, _DATETIME, _NUMBER: a view on the table parses a text of another form
		return ClassRow, ""
	case 131: // TOO_LARGE_STRING_SIZE: a text longer than a FixedString that an operator chose
		return ClassRow, ""
	case 349: // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN: a column that an operator made NOT NULL
		return ClassRow, ""
	case 395: // FUNCTION_THROW_IF_VALUE_IS_NON_ZERO: throwIf in a constraint or view
		return ClassRow, ""
	case 691: // UNKNOWN_ELEMENT_OF_ENUM: a column that an operator made an Enum
		return ClassRow, ""
	}
	return ClassFatal, hint(code, message) // an unknown error must be seen by an operator
}

// hint says what an operator does about a fatal code.
func hint(code int32, message string) string {
	switch code {
	case 60, 81: // UNKNOWN_TABLE, UNKNOWN_DATABASE
		return "run `pianola migrate`, and check clickhouse.database"
	case 7, 8, 10, 16, 20, 44, 53, 70: // columns missing or of other types
		return "the schema is not this version's: run `pianola migrate`"
	case 164, 452: // READONLY, SETTING_CONSTRAINT_VIOLATION
		return "the user's profile must allow INSERT and the insert settings that docs/operations.md lists"
	case 192, 193, 194, 516: // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
		return "check clickhouse.user and clickhouse.password, or clickhouse.tls.cert_file where a certificate is the login"
	case 497: // ACCESS_DENIED
		if missing := MissingGrant(message); missing != "" {
			return "give the user the grant " + missing + "; docs/operations.md lists all grants"
		}
		return "give the user the grants that docs/operations.md lists"
	case 243: // NOT_ENOUGH_SPACE
		return "the server's disk is full: make room"
	case 75: // CANNOT_WRITE_TO_FILE_DESCRIPTOR: a running write when the disk becomes full
		return "the server cannot write to its disk: it may be full"
	default:
		return "find the code in the server's log; nothing of this batch is committed"
	}
}

// classifyStatus classifies answers without a ClickHouse code, from a proxy.
func classifyStatus(status int) (Class, string) {
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return ClassRetry, "" // the server asks for a retry
	case status >= 500:
		return ClassRetry, "" // no server behind the proxy at the moment
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ClassFatal, "check clickhouse.user and clickhouse.password"
	default:
		return ClassFatal, "check clickhouse.addr, clickhouse.protocol and clickhouse.tls: together they must name a port of ClickHouse's own"
	}
}

// classifyClient classifies errors that no server sent. It keeps only causes that
// are known to contain no values.
func classifyClient(err error) (Class, string, error) {
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert *net.OpError
	switch {
	case errors.As(err, &cert):
		return ClassFatal, "check clickhouse.tls: the certificate is not trusted", cert
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return ClassFatal, "check clickhouse.tls and the port in clickhouse.addr", errNotTLS
	case errors.As(err, &alert) && alert.Op == remoteAlert:
		return ClassFatal, "check clickhouse.tls.cert_file and clickhouse.tls.key_file: the server rejects the client certificate", alert
	}
	if cause := networkCause(err); cause != nil {
		// The outcome is unknown, and the rows are idempotent.
		return ClassRetry, "if it persists, check clickhouse.addr, clickhouse.protocol and clickhouse.tls", cause
	}
	return ClassFatal, "check that clickhouse.addr is the port of clickhouse.protocol, with clickhouse.tls or without", errProtocol
}

// remoteAlert is what crypto/tls calls the operation where the other side has ended
// the handshake, or the connection, by an alert; there is no type for it.
const remoteAlert = "remote error"
