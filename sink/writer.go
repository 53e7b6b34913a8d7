package sink

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/schemas"
)

// Writer writes to ClickHouse. One goroutine at a time runs Flush (a second one
// waits); the other methods are safe for concurrent use.
type Writer struct {
	cfg    Config
	log    *zap.Logger
	hooks  Hooks
	conn   driver.Conn
	events inserter

	flushing sync.Mutex
}

// Open validates the configuration and returns a Writer. It does not connect:
// ClickHouse may be down, and Ping reports it.
func Open(_ context.Context, cfg Config, log *zap.Logger, hooks Hooks) (*Writer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	conn, err := openConn(cfg)
	if err != nil {
		return nil, fmt.Errorf("open clickhouse connections: %w", newError("open", strings.Join(cfg.Addr, ","), err))
	}
	hooks = hooks.withDefaults()
	w := &Writer{cfg: cfg, log: log, hooks: hooks, conn: conn}
	w.events = inserter{
		deliverer: deliverer{timeout: cfg.InsertTimeout, retry: cfg.Retry, log: log, onRetry: hooks.OnRetry, gate: hooks.Gate},
		onInsert:  hooks.OnInsert,
		clock:     hooks.Now,
	}
	w.events.lookup = w
	if cfg.Protocol == HTTP {
		w.events.transport = newHTTPTransport(cfg, conn)
	} else {
		w.events.transport = newNativeTransport(cfg, hooks.Now)
	}
	return w, nil
}

// Ping reports whether ClickHouse answers and accepts the login. The error is an
// *Error.
func (w *Writer) Ping(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, w.cfg.DialTimeout)
	defer cancel()
	if err := w.conn.Ping(bounded); err != nil {
		return w.newError("ping", err)
	}
	return nil
}

// Gate is Hooks.Gate, for those who write beside the Writer.
func (w *Writer) Gate(ctx context.Context) error {
	if w.hooks.Gate == nil {
		return nil
	}
	return w.hooks.Gate(ctx)
}

// Close closes the connections. Flush must have returned.
func (w *Writer) Close() error {
	_ = w.events.transport.close()
	if err := w.conn.Close(); err != nil {
		return w.newError("close connections", err)
	}
	return nil
}

// newError is for errors of clickhouse-go, which do not name the address.
func (w *Writer) newError(op string, err error) *Error {
	return newError(op, strings.Join(w.cfg.Addr, ","), err)
}

// now is the clock in the precision of the tables.
func (w *Writer) now() schemas.Millis { return schemas.Millis(w.hooks.Now().UnixMilli()) }
