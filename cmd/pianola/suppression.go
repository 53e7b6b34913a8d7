package main

import (
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/suppression"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// obeySuppression puts the list of erased people in force for the rules of a command, and
// binds the command's context to it: what the command writes later is refused when the
// list has changed, and the command must be repeated.
func (a *app) obeySuppression(c *cobra.Command, settings config.Config, conn driver.Conn, rules *transform.Rules, log *zap.Logger) (*suppression.List, error) {
	list := suppression.New(suppression.Deps{
		Conn: conn, Tables: schemas.Options{Database: settings.ClickHouse.Database}, Keys: settings.SuppressionKeys(), Refresh: settings.Erasure.Refresh, Rules: rules,
		Now: a.now, Log: log.Named("suppression"),
	})
	bound, err := list.Bind(c.Context(), c.Context())
	if err != nil {
		return nil, err
	}
	c.SetContext(bound)
	return list, nil
}
