package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/piano"
)

func (a *app) subscriptionCommand() *cobra.Command {
	return group("subscription", "show, change, refund or cancel a subscription in Piano",
		a.subscriptionShowCommand(), a.subscriptionRenewCommand(), a.subscriptionNextBillCommand(), a.subscriptionRefundCommand(),
		a.subscriptionCancelCommand(), a.subscriptionResumeCommand(), a.subscriptionUpgradeCommand())
}

// acting holds the flags that the actions share.
type acting struct {
	execute, asJSON *bool
	actor           *string
}

// actionSections are the configuration sections of an action.
var actionSections = []string{"piano", "clickhouse", "log"}

func actingFlags(c *cobra.Command) acting {
	f := acting{
		execute: c.Flags().Bool("execute", false, "send the request; without it, print the plan"),
		actor:   c.Flags().String("actor", "", "`NAME` of the requester for actions_log (default: the system user)"),
		asJSON:  jsonFlag(c),
	}
	config.AddFlags(c.Flags(), actionSections...)
	return f
}

// exitHelp ends the help of both commands.
const exitHelp = `
Exit status: 0 done or accepted by Piano (without --execute: possible); 1
failed, outcome unknown, or rows are missing in actions_log (the output says
which); 3 not possible, nothing changed.`

func (a *app) subscriptionResumeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "resume (--subscription ID | --user UID)",
		Short: "resume a subscription that is cancelled or about to end",
		Long: `Resumes a subscription in Piano. Dynamic terms are resumed. For payment terms,
auto-renew is turned on, which has no effect after the term has ended. With
only --user the command searches all subscriptions of the user; exactly one
must be resumable.

Without --execute: dry run. It reads from Piano and prints the request it would
send. With --execute, each step is written to actions_log before the request,
so ClickHouse must be available. If the response is lost, the command does not
repeat the request. It reads the subscription again and reports its state.
` + exitHelp,
		Example: `  pianola subscription resume --user 4711
  pianola subscription resume --subscription RCJFGP1JCCAT --execute --actor support-7`,
		Args: cobra.NoArgs,
	}
	subscription := c.Flags().String("subscription", "", "`ID` of the subscription")
	uid := c.Flags().String("user", "", "`UID` of the user")
	f := actingFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if strings.TrimSpace(*subscription) == "" && strings.TrimSpace(*uid) == "" {
			return usageError{errors.New("give --subscription or --user")}
		}
		return a.act(c, f, func(ctx context.Context, s *actions.Actions) (*actions.Report, error) {
			return s.Resume(ctx, *subscription, *uid, *f.execute)
		})
	}
	return c
}

func (a *app) subscriptionUpgradeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "upgrade --subscription ID --from-term TERM --to-term TERM",
		Short: "change the term of a subscription",
		Long: `Upgrades or downgrades a subscription. The command checks that Piano permits
the change, requests it and follows it until it succeeds, fails, or --wait
expires. It requests nothing when the current term differs from --from-term.

Without --execute: dry run. It reads from Piano and prints the request it would
send. With --execute, each step is written to actions_log before the request,
so ClickHouse must be available. If the response is lost, the command does not
repeat the request. It reads the change from Piano and reports its state.
` + exitHelp,
		Example: `  pianola subscription upgrade --subscription RC1 --from-term TM1 --to-term TM2
  pianola subscription upgrade --subscription RC1 --from-term TM1 --to-term TM2 --billing period_end --execute`,
		Args: cobra.NoArgs,
	}
	var change actions.Change
	c.Flags().StringVar(&change.SubscriptionID, "subscription", "", "`ID` of the subscription")
	c.Flags().StringVar(&change.FromTerm, "from-term", "", "current `TERM`")
	c.Flags().StringVar(&change.ToTerm, "to-term", "", "new `TERM`")
	c.Flags().StringVar(&change.ToPeriod, "to-period", "", "`PERIOD` of the new term (default: the default of the term)")
	c.Flags().StringVar(&change.UserID, "user", "", "expected `UID`; needed when Piano returns none (default: the user of the subscription)")
	billing := c.Flags().String("billing", "now", "when the new term is charged ["+strings.Join(billingNames, "|")+"]")
	immediate := c.Flags().Bool("immediate-access", false, "start access to the new term immediately (default: true with --billing now)")
	c.Flags().BoolVar(&change.ProrateAccess, "prorate-access", false, "credit the rest of the current period")
	c.Flags().DurationVar(&change.Wait, "wait", time.Minute, "maximum time to follow the change; 0 with any other --billing than now")
	f := actingFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := prepareChange(c, &change, *billing, *immediate); err != nil {
			return usageError{err}
		}
		return a.act(c, f, func(ctx context.Context, s *actions.Actions) (*actions.Report, error) {
			return s.Upgrade(ctx, change, *f.execute)
		})
	}
	return c
}

// billingNames are the names of the values of piano.BillingTiming, in order.
var billingNames = []string{"now", "period_end", "next_sell_date", "scheduled_period_end"}

// prepareChange validates the flags and fills in the defaults that depend on them.
func prepareChange(c *cobra.Command, change *actions.Change, billing string, immediate bool) error {
	for _, one := range []struct {
		flag string
		text *string
	}{
		{"subscription", &change.SubscriptionID}, {"from-term", &change.FromTerm}, {"to-term", &change.ToTerm},
	} {
		if *one.text = strings.TrimSpace(*one.text); *one.text == "" {
			return fmt.Errorf("give --%s", one.flag)
		}
	}
	change.UserID, change.ToPeriod = strings.TrimSpace(change.UserID), strings.TrimSpace(change.ToPeriod)
	if change.FromTerm == change.ToTerm {
		return errors.New("--from-term and --to-term are the same")
	}
	known := false
	for i, name := range billingNames {
		if billing == name {
			change.Billing, known = piano.BillingTiming(i), true
		}
	}
	if !known {
		return fmt.Errorf("--billing: use one of %s", strings.Join(billingNames, ", "))
	}
	now := change.Billing == piano.BillNow
	change.ImmediateAccess = now
	if c.Flags().Changed("immediate-access") {
		change.ImmediateAccess = immediate
	}
	if !now && !c.Flags().Changed("wait") {
		change.Wait = 0
	}
	if change.Wait < 0 {
		return errors.New("--wait: is below 0")
	}
	return nil
}
