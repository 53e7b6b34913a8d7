package main

import (
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/transform"
)

// obeySuppression puts the list of erased people in force for the rules of a command.
func (a *app) obeySuppression(c *cobra.Command, settings config.Config, conn driver.Conn, rules *transform.Rules, log *zap.Logger) error {
	bound, err := service.NewSuppression(settings, conn, rules, a.now, log, nil).Bind(c.Context(), c.Context())
	if err != nil {
		return err
	}
	c.SetContext(bound)
	return nil
}
