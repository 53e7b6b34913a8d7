package service

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/export"
)

// exporter is implemented by *export.Exporter.
type exporter interface {
	Run(ctx context.Context, r export.Request) (*export.Manifest, error)
	Latest(ctx context.Context, r export.Request) (*export.Manifest, error)
}

// scheduledExport is the task of one item of export.schedule. The newest manifest at its
// destination says when it last ran, so another instance continues where one has ended.
type scheduledExport struct {
	exporter exporter
	item     export.Scheduled
	metrics  *exportMetrics
	one      chan struct{} // of all items: one export at a time, so that the server has room for the flow
	now      func() time.Time
	log      *zap.Logger
}

// last implements task.
func (s *scheduledExport) last(ctx context.Context) (time.Time, error) {
	m, err := s.exporter.Latest(ctx, s.item.Request)
	if err != nil {
		if ctx.Err() == nil {
			s.metrics.finished(s.item, exportUnread, 0, nil)
		}
		return time.Time{}, err
	}
	s.metrics.stand(s.item, m)
	if m == nil {
		return time.Time{}, nil
	}
	return m.FinishedAt.Time(), nil
}

// lost implements task.
func (s *scheduledExport) lost() { s.metrics.clear(s.item) }

// run implements task. An export that finds nothing although there should be rows is
// logged and counted, and is repeated after the interval.
func (s *scheduledExport) run(ctx context.Context) error {
	select {
	case s.one <- struct{}{}:
		defer func() { <-s.one }()
	case <-ctx.Done():
		return ctx.Err()
	}
	start := s.now()
	s.log.Info(LogExportStarted)
	m, err := s.exporter.Run(ctx, s.item.Request)
	took := s.now().Sub(start)
	switch {
	case err == nil && m.NothingExported != "":
		s.metrics.finished(s.item, exportNothing, took, nil)
		s.log.Error(LogNothingExported, zap.String("reason", m.NothingExported), zap.Duration("elapsed", took))
	case err == nil:
		s.metrics.finished(s.item, exportComplete, took, m)
		s.log.Info("export completed", zap.String("export_id", m.ID), zap.String("manifest", m.Name), zap.Uint64("rows", m.Rows), zap.Uint64("deleted", m.Deleted),
			zap.Int("files", len(m.Files)+len(m.Deletions)), zap.Int64("bytes", m.Bytes), zap.Stringer("watermark", m.Watermark), zap.Duration("elapsed", took))
	case ctx.Err() != nil:
		s.metrics.finished(s.item, exportCanceled, took, nil)
		s.log.Info("export canceled", zap.Duration("elapsed", took), zap.Error(context.Cause(ctx)))
	default:
		s.metrics.finished(s.item, exportFailed, took, nil)
	}
	return err
}
