package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Protocol is the protocol to ClickHouse.
type Protocol string

// The protocols (contract §5, clickhouse.protocol).
const (
	Native Protocol = "native"
	HTTP   Protocol = "http"
)

// Compression is the compression of blocks that are sent.
type Compression string

// The compressions.
const (
	LZ4           Compression = "lz4"
	NoCompression Compression = "none"
)

// Retry bounds the pauses between attempts. They grow from Initial to Max with 50
// % jitter, so that instances do not retry in step. Only the context ends the
// attempts.
type Retry struct {
	Initial time.Duration
	Max     time.Duration
}

// Config is how to reach ClickHouse.
type Config struct {
	Addr        []string // host:port; the next is used when one cannot be reached
	Protocol    Protocol
	Database    string
	User        string
	Password    string
	TLS         func() *tls.Config // of the next connection, since certificates are renewed; nil: plain text
	Compression Compression

	// InsertTimeout bounds one attempt of one statement. It must stay well below
	// Kafka's rebalance timeout: a slower insert loses the generation.
	InsertTimeout time.Duration
	DialTimeout   time.Duration
	Retry         Retry

	// Instance names this process in the ledger.
	Instance string
}

// Defaults returns the defaults of contract §5.
func Defaults() Config {
	return Config{
		Addr:          []string{"127.0.0.1:9000"},
		Protocol:      Native,
		Database:      "piano",
		User:          "default",
		Compression:   LZ4,
		InsertTimeout: 20 * time.Second,
		DialTimeout:   5 * time.Second,
		Retry:         Retry{Initial: 200 * time.Millisecond, Max: 10 * time.Second},
		Instance:      "pianola",
	}
}

// Validate returns all mistakes joined, each with its key path. It does not repeat a text,
// which may be a misplaced password.
func (c Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("clickhouse."+key+": "+format, args...))
	}
	if len(c.Addr) == 0 {
		bad("addr", "is empty; set at least one host:port")
	}
	for i, addr := range c.Addr {
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" {
			bad("addr", "address %d is not host:port", i+1)
		}
	}
	if c.Protocol != Native && c.Protocol != HTTP {
		bad("protocol", "is neither native nor http")
	}
	if c.Database == "" {
		bad("database", "is empty")
	}
	if c.User == "" {
		bad("user", "is empty")
	}
	if c.Compression != LZ4 && c.Compression != NoCompression {
		bad("compression", "is neither lz4 nor none")
	}
	if c.InsertTimeout <= 0 {
		bad("insert_timeout", "must be above zero")
	}
	if c.DialTimeout <= 0 {
		bad("dial_timeout", "must be above zero")
	}
	if c.Retry.Initial <= 0 {
		bad("retry.initial", "must be above zero")
	}
	if c.Retry.Max < c.Retry.Initial {
		bad("retry.max", "must not be below clickhouse.retry.initial")
	}
	return errors.Join(errs...)
}

// Hooks report events to the owner of a Writer. Every field may be nil. The
// functions run on the goroutine that called the Writer, must not block, and
// receive no values of rows.
type Hooks struct {
	// Now is the clock for synced_at, decided_at and written_at; nil is time.Now.
	// A flush reads it once, so that a retry sends the same blocks.
	Now func() time.Time
	// OnInsert is called after each acknowledged INSERT. Bytes are uncompressed,
	// and 0 for the small tables.
	OnInsert func(table string, rows, bytes int, elapsed time.Duration)
	// OnRetry is called after each failed attempt that is retried, whole or in
	// halves. Code is ClickHouse's, 0 after a network error.
	OnRetry func(class Class, code int32)
	// OnViewFailure is called for rows that are stored although a materialized
	// view on the table failed for them. view is empty where ClickHouse did not
	// name it.
	OnViewFailure func(view string, rows int)
	// Gate is called before each attempt of a statement, with its context; nil allows all.
	// An error that wraps ErrOutdated or ErrBlocked ends the statement and is returned.
	// Any other one is a failed attempt.
	Gate func(ctx context.Context) error
}

// The reasons of a Gate.
var (
	// ErrOutdated: what is to be written was prepared by rules that no longer hold. It must
	// be prepared again.
	ErrOutdated = errors.New("what was read by earlier rules must be read again")
	// ErrBlocked: this process must not write.
	ErrBlocked = errors.New("nothing was written")
)

func (h Hooks) withDefaults() Hooks {
	if h.Now == nil {
		h.Now = time.Now
	}
	if h.OnInsert == nil {
		h.OnInsert = func(string, int, int, time.Duration) {}
	}
	if h.OnRetry == nil {
		h.OnRetry = func(Class, int32) {}
	}
	if h.OnViewFailure == nil {
		h.OnViewFailure = func(string, int) {}
	}
	return h
}
