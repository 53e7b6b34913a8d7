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
		e.row, e.View = rowOf(message), viewOf(message)
		if e.View != "" && e.Class == ClassFatal {
			e.Class, e.viewOnly = ClassRow, true
		}
		if e.View != "" {
			e.Hint = viewHint(e.View)
		}
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

// viewHint is what an operator does about a materialized view that fails.
func viewHint(view string) string {
	if view == "" {
		view = "that reads " + EventsTable
	}
	return "repair or drop the materialized view " + view + ", then fill its target table for the rows it missed"
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

// classifyCode is the table of ClickHouse's error codes (src/Common/ErrorCodes.cpp),
// with a reason for each. What passes by itself is retried: a stopped process would
// help nobody, and the log and the metrics show the retries. What needs an operator
// is fatal, and so is every code that is not here.
func classifyCode(code int32, message string) (Class, string) {
	switch code {
	// The server has too much to do. Load falls.
	case 159, // TIMEOUT_EXCEEDED: the server's own bound
		160, // TOO_SLOW: the server expects to exceed its bound
		202, // TOO_MANY_SIMULTANEOUS_QUERIES
		203, // NO_FREE_CONNECTION: of a pool between servers
		364, // RECEIVED_ERROR_TOO_MANY_REQUESTS: from an object store or another server
		425, // SYSTEM_ERROR: a system call failed, for example without free descriptors
		439, // CANNOT_SCHEDULE_TASK: no free thread
		473, // DEADLOCK_AVOIDED: a lock was held too long, by an ALTER for example
		574, // DISTRIBUTED_TOO_MANY_PENDING_BYTES: the queue to the shards drains
		700, // USER_SESSION_LIMIT_EXCEEDED: other sessions end
		745: // SERVER_OVERLOADED
		return ClassRetry, ""
	// The network between servers, or to an object store.
	case 95, 96, // CANNOT_READ_FROM_SOCKET, CANNOT_WRITE_TO_SOCKET
		198,      // DNS_ERROR
		209, 210, // SOCKET_TIMEOUT, NETWORK_ERROR
		279,      // ALL_CONNECTION_TRIES_FAILED: to a shard
		297,      // SHARD_HAS_NO_CONNECTIONS
		410,      // EXTERNAL_SERVER_IS_NOT_RESPONDING: of a dictionary that a view reads
		499, 500, // S3_ERROR, AZURE_BLOB_STORAGE_ERROR
		519,           // NO_REMOTE_SHARD_AVAILABLE
		660,           // HDFS_ERROR
		693, 707, 737, // AWS_ERROR, GCP_ERROR, GOOGLE_CLOUD_ERROR
		900,  // DISTRIBUTED_CACHE_ERROR
		1000, // POCO_EXCEPTION: the network library's own
		1001: // STD_EXCEPTION: the C++ library's own, such as a failed allocation or system call
		return ClassRetry, ""
	// A server starts or stops, or somebody restarts a table.
	case 218, // TABLE_IS_DROPPED: replaced at this moment; when it is gone, the next attempt gets 60
		236,      // ABORTED: the server shuts down
		394,      // QUERY_WAS_CANCELLED: by a server that shuts down, or by an operator's KILL QUERY
		696, 722, // ASYNC_LOAD_CANCELED, ASYNC_LOAD_WAIT_FAILED: tables are loaded at start
		667, // NOT_INITIALIZED
		733, // TABLE_IS_BEING_RESTARTED
		735: // QUERY_WAS_CANCELLED_BY_CLIENT: the attempt before this one
		return ClassRetry, ""
	// Replicas and their Keeper: sessions, leaders and replicas come back.
	case 225, 244, 999, // NO_ZOOKEEPER, UNEXPECTED_ZOOKEEPER_ERROR, KEEPER_EXCEPTION
		242,      // TABLE_IS_READ_ONLY: the replica has lost its Keeper session
		254, 265, // NO_ACTIVE_REPLICAS, NO_AVAILABLE_REPLICA
		285, 286, 289, // TOO_FEW_LIVE_REPLICAS, UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE, REPLICA_IS_NOT_IN_QUORUM
		319,      // UNKNOWN_STATUS_OF_INSERT: repeated rows replace themselves
		341,      // UNFINISHED: a replica has not done it yet
		369, 416, // ALL_REPLICAS_ARE_STALE, REPLICA_STATUS_CHANGED
		384, 738, // PART_IS_TEMPORARILY_LOCKED, PART_IS_LOCKED
		517,           // CANNOT_ASSIGN_ALTER: another ALTER is running
		529, 568, 571: // NOT_A_LEADER, RAFT_ERROR, DATABASE_REPLICATION_FAILED
		return ClassRetry, ""
	case 710: // FAULT_INJECTED: somebody tests the server
		return ClassRetry, ""
	case 252: // TOO_MANY_PARTS is two errors under one code
		if strings.Contains(message, "single INSERT block") {
			// A limit on months in one block: a retry sends the same rows.
			return ClassFatal, "set max_partitions_per_insert_block to 0 in the user's profile"
		}
		return ClassRetry, "" // merges are behind; a pause helps

	case 173, 241: // CANNOT_ALLOCATE_MEMORY, MEMORY_LIMIT_EXCEEDED: a smaller insert may fit
		return ClassSplit, ""

	case 469: // VIOLATED_CONSTRAINT: an operator's CHECK refuses a row
		return ClassRow, ""
	case 69, 128, 153, 321, 407: // ARGUMENT_OUT_OF_BOUND, TOO_LARGE_ARRAY_SIZE, ILLEGAL_DIVISION, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, DECIMAL_OVERFLOW: a value that an expression of the table or of a view cannot take
		return ClassRow, ""
	case 6, 25, 26, 27, 38, 41, 72, 117, 376, 441, 467, 675, 676: // CANNOT_PARSE_… of text, escape sequence, quoted string, input, date, datetime, number, UUID, domain value, bool, IPv4, IPv6; INCORRECT_DATA: an expression parses a text of another form
		return ClassRow, ""
	case 19, 131: // SIZE_OF_FIXED_STRING_DOESNT_MATCH, TOO_LARGE_STRING_SIZE: a text longer than a FixedString that an operator chose
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
	case 47, 46: // UNKNOWN_IDENTIFIER, UNKNOWN_FUNCTION
		return "the schema or the server is of another version: run `pianola migrate`; docs/operations.md names the oldest ClickHouse"
	case 115: // UNKNOWN_SETTING
		return "the server is older than the oldest ClickHouse that docs/operations.md names"
	case 158, 307, 396: // TOO_MANY_ROWS, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES
		return "raise the limit in the user's profile (max_rows_to_read, max_result_rows and the like)"
	case 201: // QUOTA_EXPIRED: passes by itself, but only the operator knows whether it should
		return "raise the user's quota, or wait for its next interval; nothing of this batch is committed"
	case 720: // USER_EXPIRED
		return "extend the user's VALID UNTIL, or check clickhouse.user"
	case 243: // NOT_ENOUGH_SPACE
		return "the server's disk is full: make room"
	case 75: // CANNOT_WRITE_TO_FILE_DESCRIPTOR: a running write when the disk becomes full
		return "the server cannot write to its disk: it may be full"
	default:
		return "find the code in the server's log; nothing of this batch is committed"
	}
}

// classifyStatus classifies answers without a ClickHouse code: a proxy or an ingress
// gives them.
func classifyStatus(status int) (Class, string) {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return ClassSplit, "a proxy in front of ClickHouse limits the size of a request: raise its limit (nginx: client_max_body_size, 1 MiB by default)"
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return ClassRetry, "a proxy in front of ClickHouse asks to wait" // it asks for a retry
	case status == http.StatusNotFound:
		// An ingress without a server behind it, during a deployment for example.
		return ClassRetry, "no ClickHouse behind this address: if it persists, check clickhouse.addr, clickhouse.protocol and the routes of the ingress"
	case status >= 500:
		return ClassRetry, "" // no server behind the proxy at the moment
	case status >= 300 && status < 400:
		return ClassFatal, "the address redirects, and Pianola does not follow: the password would go to another server; set clickhouse.addr (and clickhouse.tls) to ClickHouse itself"
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return ClassFatal, "check clickhouse.user and clickhouse.password, and what a proxy in between asks for"
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
