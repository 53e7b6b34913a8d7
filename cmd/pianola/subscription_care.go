package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano/customer"
)

func (a *app) subscriptionShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show ID",
		Short: "show a subscription as Piano has it now, and what can be done with it",
		Long: `Reads one subscription, its payments and what the application allows from Piano,
and lists which actions are possible. It sends nothing that changes anything.`,
		Example: `  pianola subscription show RCJFGP1JCCAT`,
		Args:    cobra.ExactArgs(1),
	}
	f := readingFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.onCare(c, f, false, func(ctx context.Context, s *actions.Actions) error {
			shown, err := showSubscription(ctx, s, args[0])
			if err != nil {
				return fmt.Errorf("subscription show: %w", err)
			}
			if *f.asJSON {
				return a.printJSON(shown)
			}
			return a.print(shownText(shown, a.width()))
		})
	}
	return c
}

func showSubscription(ctx context.Context, s *actions.Actions, id string) (shownSubscription, error) {
	one, err := s.API.Get(ctx, id)
	if err != nil {
		return shownSubscription{}, err
	}
	features, err := s.Customers.Features(ctx)
	if err != nil {
		return shownSubscription{}, err
	}
	shown := shownSubscription{Subscription: actions.ViewOf(one), Values: actions.SubscriptionValues(one)}
	for _, d := range actions.Decisions(features, actions.Target{Subscription: &one}, s.Roles) {
		shown.Actions = append(shown.Actions, shownDecision{d.Kind, d.Allowed, d.Why})
	}
	if one.UserID == "" {
		return shown, nil
	}
	if _, err := s.Customers.Original(one.UserID); err != nil { // an address: requests need it
		if err := s.Customers.LearnUser(ctx, id); err != nil {
			return shown, err
		}
	}
	payments, err := paymentsOf(ctx, s, one.UserID, one.ID)
	for _, p := range payments {
		shown.Payments = append(shown.Payments, shownPayment{p.ID, p.CreatedAt, p.Amount.String(), p.Remaining.String(), p.Currency, p.Status, p.Refundable})
	}
	return shown, err
}

// maxPayments limits how many payments of a subscription are read.
const maxPayments = 20

// paymentsOf reads the payments of a subscription, by the conversions of its user. A
// conversion has no remaining amount, so each payment is read too.
func paymentsOf(ctx context.Context, s *actions.Actions, user, subscription string) ([]customer.Payment, error) {
	conversions, _, err := s.Customers.Conversions(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("list the payments: %w", err)
	}
	var all []customer.Payment
	for _, one := range conversions {
		if one.SubscriptionID != subscription || one.Payment == nil || len(all) == maxPayments {
			continue
		}
		p, err := s.Customers.Payment(ctx, one.Payment.ID)
		if err != nil {
			return nil, fmt.Errorf("read a payment: %w", err)
		}
		all = append(all, p)
	}
	return all, nil
}

func (a *app) subscriptionCancelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cancel (--subscription ID | --file FILE) [--refund | --at-period-end]",
		Short: "cancel a subscription",
		Long: `Cancels a subscription in Piano. Without another flag it ends now, and the access
with it. With --refund the last payment is refunded; where that fails, Piano
does not cancel. --at-period-end is for dynamic terms: the access stays until
the end of the period. For payment terms use pianola subscription renew off.
` + careHelp,
		Example: `  pianola subscription cancel --subscription RCJFGP1JCCAT
  pianola subscription cancel --subscription RCJFGP1JCCAT --refund --execute --reason "double order, TICKET-12"
  pianola subscription cancel --file ids.txt --at-period-end --execute --reason "closed title"`,
		Args: cobra.NoArgs,
	}
	id := c.Flags().String("subscription", "", "`ID` of the subscription")
	refund := c.Flags().Bool("refund", false, "refund the last payment")
	later := c.Flags().Bool("at-period-end", false, "end a dynamic term at the end of its period")
	f := a.careFlags(c, "subscription ids")
	c.RunE = func(c *cobra.Command, _ []string) error {
		kind := actions.CancelNow
		switch {
		case *refund && *later:
			return usageError{errors.New("give --refund or --at-period-end, not both")}
		case *refund:
			kind = actions.CancelAndRefund
		case *later:
			kind = actions.CancelAtPeriodEnd
		}
		return a.careOfSubscription(c, f, *id, actions.Action{Kind: kind}, nil)
	}
	return c
}

// careOfSubscription runs an action on one subscription, or on those of a file.
func (a *app) careOfSubscription(c *cobra.Command, f careFlags, id string, action actions.Action, request []string) error {
	id = strings.TrimSpace(id)
	if err := f.check(id != "", "--subscription"); err != nil {
		return err
	}
	of := func(id string) actions.Action {
		one := action
		one.SubscriptionID = id
		return one
	}
	return a.care(c, f, of(id), append(request, string(action.Kind)), itemsOf(of))
}

func (a *app) subscriptionRenewCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "renew (on|off) (--subscription ID | --file FILE)",
		Short: "turn the auto-renewal of a subscription on or off",
		Long: `Turns auto-renewal on or off. Off: the subscription ends at the end of its
period. Some applications do not allow to turn it on again; the plan says so.
` + careHelp,
		Example: `  pianola subscription renew off --subscription RCJFGP1JCCAT
  pianola subscription renew on --subscription RCJFGP1JCCAT --execute --reason "changed his mind, TICKET-12"`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"on", "off"},
	}
	id := c.Flags().String("subscription", "", "`ID` of the subscription")
	f := a.careFlags(c, "subscription ids")
	c.RunE = func(c *cobra.Command, args []string) error {
		kind := actions.AutoRenewOn
		if args[0] == "off" {
			kind = actions.AutoRenewOff
		}
		return a.careOfSubscription(c, f, *id, actions.Action{Kind: kind}, nil)
	}
	return c
}

// moveFlags are a date, or how far to move the present one.
type moveFlags struct {
	date         *string
	months, days *int
}

func addMoveFlags(c *cobra.Command, name, what string) moveFlags {
	return moveFlags{
		date:   c.Flags().String(name, "", what+", a `TIME` such as "+instantForms),
		months: c.Flags().Int("months", 0, "move it by this `NUMBER` of months"),
		days:   c.Flags().Int("days", 0, "move it by this `NUMBER` of days"),
	}
}

// apply fills in the date; request identifies it in the id of a job.
func (m moveFlags) apply(name string, action *actions.Action) (request []string, err error) {
	if *m.date != "" {
		at, err := parseInstant(*m.date)
		if err != nil {
			return nil, usageError{fmt.Errorf("--%s: %w", name, err)}
		}
		action.At = &at
	}
	action.Months, action.Days = *m.months, *m.days
	if (action.At == nil) == (action.Months == 0 && action.Days == 0) {
		return nil, usageError{fmt.Errorf("give --%s, or --months and --days", name)}
	}
	return []string{*m.date, strconv.Itoa(*m.months), strconv.Itoa(*m.days)}, nil
}

func (a *app) subscriptionNextBillCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "next-bill (--subscription ID | --file FILE) (--date TIME | --months N | --days N)",
		Short: "move the next bill date of a subscription, such as by a free month",
		Long: `Moves the date of the next bill. --months and --days are added to the present
date: a free month is --months 1. A day that the month does not have becomes its
last day. Where auto-renewal is off, the subscription ends on the new date.
` + careHelp,
		Example: `  pianola subscription next-bill --subscription RCJFGP1JCCAT --months 1
  pianola subscription next-bill --file ids.txt --days 7 --execute --reason "outage of 2026-11-28"`,
		Args: cobra.NoArgs,
	}
	id := c.Flags().String("subscription", "", "`ID` of the subscription")
	move := addMoveFlags(c, "date", "the new date")
	f := a.careFlags(c, "subscription ids")
	c.RunE = func(c *cobra.Command, _ []string) error {
		action := actions.Action{Kind: actions.NextBillDate}
		request, err := move.apply("date", &action)
		if err != nil {
			return err
		}
		return a.careOfSubscription(c, f, *id, action, request)
	}
	return c
}

func (a *app) subscriptionRefundCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "refund (--payment ID | --file FILE) [--amount AMOUNT] [--revoke-access]",
		Short: "refund a payment, whole or in part",
		Long: `Refunds a payment. Without --amount all that remains of it. The command asks
Piano first whether a part can be refunded, and refuses an amount above what
remains, and a payment that Piano does not call refundable (it may not be
settled yet). The subscription continues; use pianola subscription cancel to
end it. pianola subscription show lists the payments.
` + careHelp,
		Example: `  pianola subscription refund --payment UPAB12
  pianola subscription refund --payment UPAB12 --amount 4.99 --execute --reason "late delivery, TICKET-12"`,
		Args: cobra.NoArgs,
	}
	id := c.Flags().String("payment", "", "`ID` of the payment")
	amount := c.Flags().String("amount", "", "`AMOUNT` in the currency of the payment, such as 4.99 (default: all that remains)")
	revoke := c.Flags().Bool("revoke-access", false, "also take the access away that was paid")
	f := a.careFlags(c, "payment ids")
	c.RunE = func(c *cobra.Command, _ []string) error {
		action := actions.Action{Kind: actions.RefundPayment, RevokeAccess: *revoke}
		if *amount != "" {
			value, err := decimal.NewFromString(*amount)
			if err != nil || value.Exponent() < -3 || value.Exponent() > 0 {
				return usageError{errors.New("--amount: is not an amount such as 4.99")}
			}
			action.Amount = customer.NewAmount(value)
		}
		payment := strings.TrimSpace(*id)
		if err := f.check(payment != "", "--payment"); err != nil {
			return err
		}
		of := func(id string) actions.Action {
			one := action
			one.PaymentID = id
			return one
		}
		return a.care(c, f, of(payment), []string{action.Amount.String(), strconv.FormatBool(*revoke)}, itemsOf(of))
	}
	return c
}

// instantOf is a time in the id of a job.
func instantOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}
