package service

import (
	"fmt"
	"io"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/schemas"
)

// Exporting is an Exporter with its connection. The caller must close it.
type Exporting struct {
	*export.Exporter
	conn io.Closer
}

// ExportingDeps are the dependencies of an Exporting.
type ExportingDeps struct {
	Stdout   io.Writer         // for an export to standard output
	Bucket   export.OpenBucket // may be nil: then exports to buckets fail
	Now      func() time.Time
	Log      *zap.Logger
	Progress progress.Func
}

// NewExporting builds an Exporter from a valid configuration. It opens no connection.
func NewExporting(cfg config.Config, d ExportingDeps) (*Exporting, error) {
	conn, err := clickhouse.Open(cfg.ExportOptions())
	if err != nil {
		return nil, fmt.Errorf("set up the connection to ClickHouse: %w", migrate.Explain(err))
	}
	e, err := export.New(cfg.ExportConfig(), export.Deps{
		Conn: conn, Tables: schemas.Options{Database: cfg.ClickHouse.Database}, Stdout: d.Stdout, Bucket: d.Bucket, Now: d.Now, Log: d.Log, Progress: d.Progress,
	})
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &Exporting{e, conn}, nil
}

// Close closes the connection. No export may be active.
func (e *Exporting) Close() { _ = e.conn.Close() }
