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

// Writer is ClickHouse as the pipeline sees it. Flush is for one goroutine at a
// time (a second waits); the rest may be called at any time.
type Writer struct {
	cfg    Config
	log    *zap.Logger
	hooks  Hooks
	conn   driver.Conn
	events inserter

	flushing sync.Mutex
}

// Open checks the configuration and makes a Writer. It connects to nothing:
// ClickHouse may be down, and Ping tells.
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
		deliverer: deliverer{timeout: cfg.InsertTimeout, retry: cfg.Retry, log: log, onRetry: hooks.OnRetry},
		onInsert:  hooks.OnInsert,
		clock:     hooks.Now,
	}
	if cfg.Protocol == HTTP {
		w.events.transport = newHTTPTransport(cfg, conn)
	} else {
		w.events.transport = newNativeTransport(cfg, hooks.Now)
	}
	return w, nil
}

// Ping asks whether ClickHouse answers and takes the login. The error is an
// *Error.
func (w *Writer) Ping(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, w.cfg.DialTimeout)
	defer cancel()
	if err := w.conn.Ping(bounded); err != nil {
		return w.newError("ping", err)
	}
	return nil
}

// Close ends the connections. A Flush under way must have returned.
func (w *Writer) Close() error {
	_ = w.events.transport.close()
	if err := w.conn.Close(); err != nil {
		return w.newError("close connections", err)
	}
	return nil
}

// failed is for clickhouse-go's errors; it does not say which address it used.
func (w *Writer) newError(op string, err error) *Error {
	return newError(op, strings.Join(w.cfg.Addr, ","), err)
}

// now is the clock in the precision of the tables.
func (w *Writer) now() schemas.Millis { return schemas.Millis(w.hooks.Now().UnixMilli()) }
