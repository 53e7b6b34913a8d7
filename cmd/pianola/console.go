package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/console/instance"
)

func (a *app) consoleCommand() *cobra.Command {
	sections := instance.Sections()
	c := &cobra.Command{
		Use:   "console",
		Short: "serve the web pages",
		Long: `Serves the pages of operation and business on console.listen. It is a process of
its own: it joins no consumer group. Its ClickHouse user needs the role pianola_console,
and pianola_console_ops when somebody has the role ops: redriving and dismissing
dead letters, and canceling jobs. With piano.api_token it also has the pages of customer
care, for the roles care and care_money. They need the role pianola_console_care.
The pages of promo codes are for the role promo, and need pianola_console_promo.

Without a login it listens on a loopback address, read-only and without personal
data. Any other address needs console.auth (basic, header or oidc) and
console.roles. docs/console.md describes logins, roles and grants.`,
		Example: `  pianola console --config pianola.yaml
  pianola console --console.listen 127.0.0.1:0`,
		Args: cobra.NoArgs,
	}
	config.AddFlags(c.Flags(), sections...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		loaded := a.load(c)
		settings, err := loaded.Check(sections...)
		if err != nil {
			return err
		}
		log, err := a.logger(settings.Log)
		if err != nil {
			return err
		}
		pages, err := instance.New(c.Context(), settings, instance.Options{
			Settings: loaded.Entries(), Version: buildVersion(), Now: a.now, Log: log,
		})
		if err != nil {
			return err
		}
		defer pages.Close()
		if err := pages.Run(c.Context()); err != nil {
			return fmt.Errorf("console: %w", err)
		}
		return nil
	}
	return c
}
