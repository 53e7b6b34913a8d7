package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/service"
)

func (a *app) promoListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "list promotions in Piano",
		Long: `Reads promotions from Piano. Without --time it lists all, those that are over or
have not started included. A code that works once is masked.`,
		Example: "  pianola promo list --time active",
		Args:    cobra.NoArgs,
	}
	filter := c.Flags().String("time", "all", "which promotions ["+strings.Join(promotion.Filters(), "|")+"]")
	query := c.Flags().String("search", "", "`TEXT` in name or code")
	asJSON := jsonFlag(c)
	a.asksPiano(c, func(ctx context.Context, p promotion.Promotions) error {
		if !slices.Contains(promotion.Filters(), *filter) {
			return usageError{fmt.Errorf("--time: use one of %s", strings.Join(promotion.Filters(), ", "))}
		}
		all, err := p.List(ctx, *filter, *query)
		if err != nil {
			return err
		}
		for i, one := range all {
			all[i] = one.Masked()
		}
		return a.printed(*asJSON, all, func() string { return promotionsText(all, a.width()) })
	})
	return c
}

func (a *app) promoCodesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "codes --promotion ID",
		Short: "list the codes of a promotion in Piano",
		Long: `Reads the codes of a promotion from Piano, and counts them by state. A reserved
code is not redeemed: a free trial or a delayed payment holds it.

Codes that nobody has used are worth money, so they are masked. --show shows
them; redirect the output to a file that only you can read.`,
		Example: `  pianola promo codes --promotion PRABC
  pianola promo codes --promotion PRABC --state active --show --json > codes.json`,
		Args: cobra.NoArgs,
	}
	id := c.Flags().String("promotion", "", "`ID` of the promotion (required)")
	states := c.Flags().StringSlice("state", nil, "only these states [active|used|reserved_for_free_trial|reserved_for_delayed_payment]")
	show := c.Flags().Bool("show", false, "show the texts of codes that nobody has used")
	asJSON := jsonFlag(c)
	a.asksPiano(c, func(ctx context.Context, p promotion.Promotions) error {
		if strings.TrimSpace(*id) == "" {
			return usageError{errors.New("give --promotion")}
		}
		var wanted []promotion.State
		for _, s := range *states {
			if !slices.Contains(promotion.States(), promotion.State(s)) {
				return usageError{errors.New("--state: is not a state of a code")}
			}
			wanted = append(wanted, promotion.State(s))
		}
		all, err := p.Codes(ctx, strings.TrimSpace(*id), wanted, "")
		if err != nil {
			return err
		}
		result := struct {
			Counts map[promotion.State]int `json:"counts"`
			Codes  []promotion.Code        `json:"codes"`
		}{promotion.Count(all), all}
		if !*show {
			for i, code := range all {
				all[i] = code.Masked()
			}
		}
		return a.printed(*asJSON, result, func() string { return codesText(all, result.Counts, a.width()) })
	})
	return c
}

// promoExit ends the help of commands that change something in Piano.
const promoExit = `
Without --execute: dry run. It reads from Piano and prints what it would send.
With --execute, each request is recorded in actions_log before it is sent, is
sent once, and the result is read back and compared.

Exit status: 0 done (without --execute: possible); 1 failed, or the outcome is
unknown; 3 refused, or Piano has it otherwise than asked for.`

func (a *app) promoCreateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "create --name NAME (--percent N | --amount CURRENCY=N)",
		Short: "create a promotion in Piano",
		Long: `Creates a promotion in Piano: one fixed code for all (--code), or a promotion whose
codes are generated afterwards (pianola promo generate). A code that works once
(--uses 1) is read from standard input (--code -): other users of the machine can
read a command line. A name that exists already is refused, so a repetition does
not create a second promotion.
` + promoExit,
		Example: `  pianola promo create --name "Spring 2026" --percent 20 --code SPRING20 --periods 3
  pianola promo create --name "Win-back May" --amount NOK=100 --amount DKK=70 --prefix WIN- --never-zero --execute`,
		Args: cobra.NoArgs,
	}
	var n promotion.New
	c.Flags().StringVar(&n.Name, "name", "", "`NAME` of the promotion (required)")
	percentOff := c.Flags().String("percent", "", "percent off (`N`)")
	amounts := c.Flags().StringArray("amount", nil, "amount off in one currency, such as `NOK=100`; may be repeated")
	c.Flags().StringVar(&n.FixedCode, "code", "", "one `CODE` for all; - reads it from standard input")
	c.Flags().StringVar(&n.Prefix, "prefix", "", "what generated codes begin with (`TEXT`)")
	periods := c.Flags().String("periods", "1", "billing periods with the discount: `N`, or all")
	uses := c.Flags().String("uses", "unlimited", "how often its codes may be used in all: `N`, or unlimited")
	c.Flags().BoolVar(&n.NewCustomersOnly, "new-customers", false, "only for people without an earlier purchase")
	c.Flags().BoolVar(&n.OnRenewal, "on-renewal", false, "codes may be used when a subscription renews")
	c.Flags().BoolVar(&n.NeverZero, "never-zero", false, "the price stays above zero")
	c.Flags().StringVar(&n.Scope, "scope", "all", "terms that take the codes ["+strings.Join(promotion.Scopes(), "|")+"]")
	c.Flags().StringSliceVar(&n.Terms, "terms", nil, "`IDS` of the terms, with --scope include and unlocked")
	start := c.Flags().String("start", "", "`TIME` or day of the start (default: now)")
	end := c.Flags().String("end", "", "`TIME` or day of the end (default: none)")
	f := actingFlagsOf(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		var starts, ends error
		n.StartsAt, starts = momentFlag("--start", *start)
		n.EndsAt, ends = momentFlag("--end", *end)
		fromInput := n.FixedCode == "-"
		if fromInput {
			var err error
			if n.FixedCode, err = a.readOneLine(c.Context()); err != nil {
				return err
			}
		}
		texts := promotion.Texts{Percent: *percentOff, Amounts: *amounts, Periods: *periods, Uses: *uses}
		if err := errors.Join(starts, ends, texts.Fill(&n)); err != nil {
			return usageError{err}
		}
		if n.FixedCode != "" && n.UsedOnce() && !fromInput {
			return usageError{errCodeFlag}
		}
		return a.changePromotion(c, f, func(ctx context.Context, p promotion.Promotions, record promotion.Record) (*promotion.Report, error) {
			return p.Create(ctx, &n, record)
		})
	}
	return c
}

func (a *app) promoGenerateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "generate --promotion ID (--number N | --code -)",
		Short: "generate codes of a promotion in Piano",
		Long: `Generates codes, each for one use, or adds one code with a text of your own. The
text is read from standard input (--code -): other users of the machine can read
a command line. Piano does not answer with the codes; pianola promo codes lists
them.
` + promoExit,
		Example: `  pianola promo generate --promotion PRABC --number 500 --prefix WIN- --execute
  pianola promo generate --promotion PRABC --code - --execute < code.txt`,
		Args: cobra.NoArgs,
	}
	id := c.Flags().String("promotion", "", "`ID` of the promotion (required)")
	number := c.Flags().Int("number", 0, "how many codes (`N`)")
	prefix := c.Flags().String("prefix", "", "what the codes begin with (`TEXT`)")
	code := c.Flags().String("code", "", "`-` reads one code from standard input")
	f := actingFlagsOf(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		*id = strings.TrimSpace(*id)
		switch {
		case *id == "":
			return usageError{errors.New("give --promotion")}
		case (*number != 0) == (*code != ""):
			return usageError{errors.New("give --number or --code -")}
		case *code != "" && *code != "-":
			return usageError{errCodeFlag}
		}
		batch, text := promotion.Batch{PromotionID: *id, Prefix: *prefix, Amount: *number}, ""
		if *code == "" {
			if err := batch.Validate(); err != nil {
				return usageError{err}
			}
		}
		if *code == "-" {
			var err error
			if text, err = a.readOneLine(c.Context()); err != nil {
				return err
			}
			if err := promotion.ValidateCode("the code on standard input", text); err != nil {
				return usageError{err}
			}
		}
		return a.changePromotion(c, f, func(ctx context.Context, p promotion.Promotions, record promotion.Record) (*promotion.Report, error) {
			if text != "" {
				return p.AddCode(ctx, *id, text, record)
			}
			return p.Generate(ctx, batch, record)
		})
	}
	return c
}

// actingFlagsOf are the flags of commands that change promotions.
func actingFlagsOf(c *cobra.Command) acting {
	f := acting{
		execute: c.Flags().Bool("execute", false, "send the request; without it, print the plan"),
		actor:   c.Flags().String("actor", "", "`NAME` of the requester for actions_log (default: the system user)"),
		asJSON:  jsonFlag(c),
	}
	config.AddFlags(c.Flags(), append(slices.Clone(promoBothSections), "consumer.instance")...)
	return f
}

// changePromotion connects, acts and prints the report. A plan needs no ClickHouse.
func (a *app) changePromotion(c *cobra.Command, f acting, do func(context.Context, promotion.Promotions, promotion.Record) (*promotion.Report, error)) error {
	actor, err := actorName(*f.actor)
	if err != nil {
		return usageError{err}
	}
	act := func(ctx context.Context, p promotion.Promotions, record promotion.Record) error {
		report, err := do(ctx, p, record)
		if report == nil {
			return err
		}
		if printing := a.printed(*f.asJSON, report, func() string { return promotionReportText(report, a.width()) }); printing != nil {
			return errors.Join(err, printing)
		}
		switch {
		case err != nil:
			return err
		case report.Outcome == promotion.Refused || report.Outcome == promotion.Differs:
			return fmt.Errorf("%w: %s", errFound, report.Outcome)
		case report.Outcome == promotion.Unknown || report.Outcome == promotion.Failed:
			return errors.New(report.Why)
		}
		return nil
	}
	if !*f.execute {
		return a.withPiano(c, func(ctx context.Context, p promotion.Promotions) error { return act(ctx, p, nil) })
	}
	return a.promo(c, promoBothSections, func(ctx context.Context, p *service.Promo, settings config.Config) error {
		return act(ctx, p.Promotions, promotion.LogTo(p.Store, promotion.Actor{Name: actor, Instance: settings.Consumer.Instance}, a.now))
	})
}

func (a *app) promoSyncCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "sync",
		Short: "read promotions and redeemed codes from Piano",
		Long: `Reads all promotions and the conversions with a promo code from Piano into
promotion_rules and promo_conversions. A promotion that was edited gets another
version. Of the person who bought nothing is kept, and of codes only those that
were redeemed.

It continues a week before the last conversion, or at the oldest reserved code.
The first time it goes back two years. pianola run does it at promo.interval if
promo.conversions is set. Piano asks to be informed of regular reads of
conversions.`,
		Example: "  pianola promo sync --since 2026-01-01",
		Args:    cobra.NoArgs,
	}
	since := c.Flags().String("since", "", "`TIME` or day of the first conversion")
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), append(slices.Clone(promoBothSections), "consumer.instance")...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		from, err := momentFlag("--since", *since)
		if err != nil {
			return usageError{err}
		}
		if from == nil {
			from = new(time.Time)
		}
		return a.promo(c, promoBothSections, func(ctx context.Context, p *service.Promo, _ config.Config) error {
			r, err := p.Conversions.Sync(ctx, *from)
			if err != nil {
				return err
			}
			return a.printed(*asJSON, r, func() string {
				return fmt.Sprintf("promotions: %d, new versions: %d\nconversions since %s: %d, with a promo code: %d, unreadable: %d\n",
					r.Promotions, r.Versions, r.From.Format(time.DateOnly), r.Conversions, r.WithCode, r.Unreadable)
			})
		})
	}
	return c
}
