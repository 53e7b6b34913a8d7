package sink

import (
	"context"
	"net"
	"net/http"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// openConn makes clickhouse-go's pool for every statement but the hot insert. It
// connects when it is first used; an address that cannot be reached is passed
// over at dial time.
func openConn(cfg Config) (driver.Conn, error) {
	options := &clickhouse.Options{
		Addr:             cfg.Addr,
		ConnOpenStrategy: clickhouse.ConnOpenInOrder,
		Auth:             clickhouse.Auth{Database: cfg.Database, Username: cfg.User, Password: cfg.Password},
		TLS:              cfg.TLS,
		DialTimeout:      cfg.DialTimeout,
		ReadTimeout:      cfg.InsertTimeout,
		MaxOpenConns:     4, // flush, assignment check, ping, and one to spare
		MaxIdleConns:     2,
		Settings:         clickhouse.Settings{},
	}
	for _, kv := range insertSettings() {
		options.Settings[kv.name] = kv.value
	}
	if cfg.Compression == LZ4 {
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	switch cfg.Protocol {
	case HTTP:
		options.Protocol = clickhouse.HTTP
		// The status must tell the outcome: clickhouse-go does not read the
		// body of a statement's 200.
		options.Settings["wait_end_of_query"] = "1"
		if cfg.Compression == LZ4 {
			options.TransportFunc = func(t *http.Transport) (http.RoundTripper, error) { return announcing{t}, nil }
		}
	default:
		options.Protocol = clickhouse.Native
		// clickhouse-go's own dialling does not end with the context.
		options.DialContext = func(ctx context.Context, addr string) (net.Conn, error) {
			return dialTCP(ctx, addr, cfg.TLS)
		}
	}
	return clickhouse.Open(options)
}
