package main

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/suppression"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// obeySuppression is bindSuppression for the context of a command.
func (a *app) obeySuppression(c *cobra.Command, settings config.Config, conn driver.Conn, rules *transform.Rules, log *zap.Logger) (*suppression.List, error) {
	bound, list, err := a.bindSuppression(c.Context(), settings, conn, rules, log)
	if err != nil {
		return nil, err
	}
	c.SetContext(bound)
	return list, nil
}

// bindSuppression puts the list of erased people in force for the rules of some work, and
// binds the context of the work to it: what the work writes later is refused when the list
// has changed, and the work must be repeated.
func (a *app) bindSuppression(ctx context.Context, settings config.Config, conn driver.Conn, rules *transform.Rules, log *zap.Logger) (context.Context, *suppression.List, error) {
	list := suppression.New(suppression.Deps{
		Conn: conn, Tables: schemas.Options{Database: settings.ClickHouse.Database}, Keys: settings.SuppressionKeys(), Refresh: settings.Erasure.Refresh, Rules: rules,
		Now: a.now, Log: log.Named("suppression"),
	})
	bound, err := list.Bind(ctx, ctx)
	if err != nil {
		return nil, nil, err
	}
	return bound, list, nil
}
