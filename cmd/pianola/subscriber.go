package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/internal/subscriber"
	"github.com/pianola/pianola/schemas"
)

func (a *app) subscriberCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "subscriber KEY",
		Short: "show everything that is stored about one subscriber",
		Long: `Shows the subscriptions of one subscriber: the state of each in plain words,
what needs attention, the payments and refunds, what Piano's API says, and every
stored event. KEY is a subscription id, a user id or an e-mail address; - reads it
from standard input, which must be one line. An address is hashed before the
search. Other users of this machine can see command lines, so pass an address on
standard input.

The command is read-only and works on stored data; it sends nothing to Piano. Days
and times are UTC.`,
		Example: `  pianola subscriber RCJFGP1JCCAT
  pianola subscriber - --json < address.txt`,
		Args: cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), "clickhouse", "log")
	c.RunE = func(c *cobra.Command, args []string) error {
		key, err := a.subscriberKey(c.Context(), args[0])
		if err != nil {
			return err
		}
		settings, err := a.load(c).Check("clickhouse", "log")
		if err != nil {
			return err
		}
		report, err := a.subscriber(c.Context(), settings, key)
		if err != nil {
			return fmt.Errorf("show subscriber: %w", err)
		}
		if *asJSON {
			return a.printJSON(report)
		}
		return a.print(subscriberText(report, a.width()))
	}
	return c
}

// subscriberKey is the argument, or the line on standard input for "-". Its errors do not
// contain the key.
func (a *app) subscriberKey(ctx context.Context, argument string) (string, error) {
	if argument != "-" {
		return argument, nil
	}
	return a.readOneLine(ctx)
}

func (a *app) subscriber(ctx context.Context, settings config.Config, key string) (*subscriber.Report, error) {
	conn, err := service.OpenClickHouse(ctx, settings)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // read-only
	return subscriber.New(conn, schemas.Options{Database: settings.ClickHouse.Database}).Read(ctx, key)
}
