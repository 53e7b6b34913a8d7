package service

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/promo/conversion"
	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/suppression"
	"github.com/pianola/pianola/transform"
)

// setUpPromo creates a schedule for each item of promo.segments, and one for
// promo.conversions.
func (s *Service) setUpPromo(cfg config.Config, o Options, rules *transform.Rules, list *suppression.List, turn *ownership) (err error) {
	segments := cfg.PromoSegments()
	if cfg.Promo.Interval == 0 || len(segments) == 0 && !cfg.ReadsConversions() {
		return nil
	}
	if s.promo, err = NewPromo(cfg, PromoDeps{Rules: rules, List: list, Now: o.Now, Log: o.Log}); err != nil {
		return err
	}
	one := make(chan struct{}, 1)
	add := func(t task, log *zap.Logger) {
		s.schedules = append(s.schedules, newSchedule(cfg.Promo.Interval, turn, t, o.Now, log))
	}
	for _, reference := range segments {
		log := o.Log.Named("promo").With(zap.Stringer("segment", reference))
		add(&scheduledSegment{segments: s.promo.Segments, reference: reference, one: one, log: log}, log)
	}
	if cfg.ReadsConversions() {
		log := o.Log.Named("promo")
		add(&scheduledSync{reader: s.promo.Conversions, one: one, log: log}, log)
	}
	return nil
}

// scheduledSegment is the task of one item of promo.segments. The latest complete run says
// when it last ran, so another instance continues where one has ended.
type scheduledSegment struct {
	segments  segment.Segments
	reference segment.Reference
	one       chan struct{} // of all of promo: one at a time, so that the server has room for the flow
	log       *zap.Logger
}

// last implements task.
func (s *scheduledSegment) last(ctx context.Context) (time.Time, error) {
	run, err := s.segments.Latest(ctx, s.reference)
	if err != nil || run == nil || run.CompletedAt == nil {
		return time.Time{}, err
	}
	return *run.CompletedAt, nil
}

// lost implements task.
func (s *scheduledSegment) lost() {}

// run implements task.
func (s *scheduledSegment) run(ctx context.Context) error {
	return alone(ctx, s.one, func() error {
		run, err := s.segments.Refresh(ctx, s.reference)
		if err != nil {
			return err
		}
		s.log.Info(LogSegmentMaterialised, zap.Stringer("run_id", run.ID), zap.Uint64("users", run.Users), zap.Uint64("without_user", run.WithoutUser), zap.Time("as_of", run.AsOf))
		return nil
	})
}

// scheduledSync is the task of promo.conversions.
type scheduledSync struct {
	reader conversion.Reader
	one    chan struct{}
	log    *zap.Logger
}

// last implements task.
func (s *scheduledSync) last(ctx context.Context) (time.Time, error) { return s.reader.LastSync(ctx) }

// lost implements task.
func (s *scheduledSync) lost() {}

// run implements task.
func (s *scheduledSync) run(ctx context.Context) error {
	return alone(ctx, s.one, func() error {
		r, err := s.reader.Sync(ctx, time.Time{})
		if err != nil {
			return fmt.Errorf("read promotions and conversions: %w", err)
		}
		s.log.Info(LogConversionsRead, zap.Int("promotions", r.Promotions), zap.Int("new_versions", r.Versions), zap.Int("conversions", r.Conversions),
			zap.Int("with_code", r.WithCode), zap.Int("unreadable", r.Unreadable), zap.Time("from", r.From))
		return nil
	})
}

// alone runs work while no other task of one runs.
func alone(ctx context.Context, one chan struct{}, work func() error) error {
	select {
	case one <- struct{}{}:
		defer func() { <-one }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return work()
}
