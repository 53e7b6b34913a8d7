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
	return group("subscription", "ask Piano to resume a subscription, or to change its term",
		a.subscriptionResumeCommand(), a.subscriptionUpgradeCommand())
}

// acting are the flags that the actions share.
type acting struct {
	execute, asJSON *bool
	actor           *string
}

// actionSections are the settings that an action reads.
var actionSections = []string{"piano", "clickhouse", "log"}

func actingFlags(c *cobra.Command) acting {
	f := acting{
		execute: c.Flags().Bool("execute", false, "ask for it; without, the plan is all there is"),
		actor:   c.Flags().String("actor", "", "who asks, for actions_log (default: the system's user)"),
		asJSON:  jsonFlag(c),
	}
	config.AddFlags(c.Flags(), actionSections...)
	return f
}

// exitHelp is said by both commands.
const exitHelp = `
Exit status: 0 done, accepted by Piano, or, without --execute, possible; 1 failed, or
nobody knows what became of it, or whatever became of it, actions_log lacks rows of it
(the output says which); 3 it cannot be done, and nothing was changed.`

func (a *app) subscriptionResumeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "resume (--subscription ID | --user UID)",
		Short: "let a subscription go on that was to end, or has",
		Long: `Asks Piano to resume a subscription: dynamic terms by its resume, payment terms by
turning auto-renew on, which no longer helps once they have ended. With only --user
the subscription is looked for, in every status, and must be the only one of the user
that can be resumed.

Without --execute it asks nothing of Piano but how things are, and says what it would
ask for. With it every step is a row of actions_log, written before Piano is asked:
without ClickHouse nothing is asked for. A request whose answer is lost is not sent
again; the subscription is looked at, and what is found is told.
` + exitHelp,
		Example: `  pianola subscription resume --user 4711
  pianola subscription resume --subscription RCJFGP1JCCAT --execute --actor support-7`,
		Args: cobra.NoArgs,
	}
	subscription := c.Flags().String("subscription", "", "the subscription's `ID`")
	uid := c.Flags().String("user", "", "the user's `UID`")
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
		Short: "change a subscription's term, to a dearer or a cheaper one",
		Long: `Asks Piano whether the term of a subscription can be changed, asks for the change,
and follows it until it is made, has come to nothing, or --wait is over. Where the
subscription has not the term of --from-term nothing is asked for.

Without --execute it asks nothing of Piano but how things are, and says what it would
ask for. With it every step is a row of actions_log, written before Piano is asked:
without ClickHouse nothing is asked for. A request whose answer is lost is not sent
again; the change is looked for, and what is found is told.
` + exitHelp,
		Example: `  pianola subscription upgrade --subscription RC1 --from-term TM1 --to-term TM2
  pianola subscription upgrade --subscription RC1 --from-term TM1 --to-term TM2 --billing period_end --execute`,
		Args: cobra.NoArgs,
	}
	var change actions.Change
	c.Flags().StringVar(&change.SubscriptionID, "subscription", "", "the subscription's `ID`")
	c.Flags().StringVar(&change.FromTerm, "from-term", "", "the `TERM` it has")
	c.Flags().StringVar(&change.ToTerm, "to-term", "", "the `TERM` it is to have")
	c.Flags().StringVar(&change.ToPeriod, "to-period", "", "a `PERIOD` of that term (default: the term's own)")
	c.Flags().StringVar(&change.UserID, "user", "", "the user's `UID`, to be sure, or where Piano names none (default: the subscription's)")
	billing := c.Flags().String("billing", "now", "when the new term is charged: "+strings.Join(billingNames, ", "))
	immediate := c.Flags().Bool("immediate-access", false, "the new term's access begins at once (default: as --billing is now)")
	c.Flags().BoolVar(&change.ProrateAccess, "prorate-access", false, "what is left of the old period counts")
	c.Flags().DurationVar(&change.Wait, "wait", time.Minute, "how long to follow the change at most (default for another --billing than now: 0s, one look)")
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

// billingNames are piano.BillingTiming's numbers in words.
var billingNames = []string{"now", "period_end", "next_sell_date", "scheduled_period_end"}

// prepareChange checks what was given, and fills in what depends on it.
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
		return fmt.Errorf("--billing: want one of %s", strings.Join(billingNames, ", "))
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
