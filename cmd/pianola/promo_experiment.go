package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/promo/experiment"
	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/promo/stats"
	"github.com/pianola/pianola/internal/service"
)

// planFlags are the flags of the question that an experiment answers.
func planFlags(c *cobra.Command, p *stats.Plan) {
	c.Flags().Float64Var(&p.Baseline, "baseline", 0, "expected conversion rate of the control arm, such as `0.02` (required)")
	c.Flags().Float64Var(&p.Target, "target", 0, "conversion rate that must be found, such as `0.025` (required)")
	c.Flags().Float64Var(&p.Alpha, "alpha", 0.05, "chance of a result where nothing differs, two-sided")
	c.Flags().Float64Var(&p.Power, "power", 0.8, "chance of a result where the rates are these")
}

func (a *app) experimentSizeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "size --baseline RATE --target RATE", Short: "how many people an experiment needs", Args: cobra.NoArgs,
		Long: `Computes how many people each arm needs, by the normal approximation for two
proportions. With several arms beside the control arm, each comparison gets its
part of alpha. --people also shows the smallest rise that a control arm of this
size finds.`,
		Example: "  pianola promo experiment size --baseline 0.02 --target 0.025",
	}
	p := stats.Plan{Ratio: 1}
	planFlags(c, &p)
	c.Flags().Float64Var(&p.Ratio, "ratio", 1, "size of another arm ÷ size of the control arm")
	arms := c.Flags().Int("arms", 2, "number of arms, the control arm included")
	people := c.Flags().Uint64("people", 0, "people in the control arm (`N`)")
	asJSON := jsonFlag(c)
	c.RunE = func(*cobra.Command, []string) error {
		size, err := experiment.SizeOf(p, *arms, *people)
		if err != nil {
			return usageError{err}
		}
		text := fmt.Sprintf("control arm: %d people\neach other arm: %d people\ntogether: %d people\n", size.Control, size.Other, size.Total)
		switch {
		case size.Detectable != nil:
			text += fmt.Sprintf("a control arm of %d finds a rise of %s and more\n", *people, percent(size.Detectable))
		case *people > 0:
			text += fmt.Sprintf("a control arm of %d finds no rise\n", *people)
		}
		return a.printed(*asJSON, size, func() string { return text })
	}
	return c
}

func (a *app) experimentCreateCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "create NAME --segment SEGMENT --arm NAME:WEIGHT --arm NAME:WEIGHT:PROMOTION", Short: "create an experiment", Args: cobra.ExactArgs(1),
		Long: `Creates an experiment on the users of a segment. The first arm is the control arm,
which is shown no code; every other arm names its promotion. Segment, arms,
weights and the question cannot be changed afterwards.

Without --execute it prints the experiment, with the people that each arm needs.
` + segmentHelp,
		Example: `  pianola promo experiment create winback --segment 'voluntary_churn?days=90' \
    --arm control:1 --arm half:1:PRABC --baseline 0.02 --target 0.03 --conversion-days 14 --renewal-days 120`,
	}
	var p stats.Plan
	planFlags(c, &p)
	reference := c.Flags().String("segment", "", "`SEGMENT` whose users are assigned (required)")
	arms := c.Flags().StringArray("arm", nil, "`NAME:WEIGHT`, or NAME:WEIGHT:PROMOTION; the first one is the control arm")
	conversionDays := c.Flags().Uint32("conversion-days", 14, "days after the assignment in which a charge is a conversion")
	renewalDays := c.Flags().Uint32("renewal-days", 120, "days after the assignment in which revenue and full-price renewals count; beyond the first charge at the full price")
	execute := c.Flags().Bool("execute", false, "create it; without it, print the plan")
	actor := c.Flags().String("actor", "", "`NAME` of the requester (default: the system user)")
	asJSON := tableFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		by, err := actorName(*actor)
		if err != nil {
			return usageError{err}
		}
		e := &experiment.Experiment{ID: args[0], Segment: *reference, ConversionDays: *conversionDays, RenewalDays: *renewalDays,
			Baseline: p.Baseline, Target: p.Target, Alpha: p.Alpha, Power: p.Power, CreatedBy: by}
		for _, text := range *arms {
			arm, err := armOf(text)
			if err != nil {
				return usageError{err}
			}
			e.Arms = append(e.Arms, arm)
		}
		if err := e.Prepare(); err != nil {
			return usageError{err}
		}
		show := func() error {
			return a.printed(*asJSON, e, func() string { return experimentText(e, *execute, a.width()) })
		}
		if !*execute {
			return show()
		}
		return a.promo(c, promoTableSections, func(ctx context.Context, p *service.Promo, _ config.Config) error {
			if err := p.Experiments.Create(ctx, e); err != nil {
				return err
			}
			return show()
		})
	}
	return c
}

// armOf reads the text of an arm.
func armOf(text string) (experiment.Arm, error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return experiment.Arm{}, errors.New("--arm: want NAME:WEIGHT, or NAME:WEIGHT:PROMOTION")
	}
	weight, err := strconv.ParseUint(parts[1], 10, 32)
	if err != nil {
		return experiment.Arm{}, errors.New("--arm: the weight is a whole number")
	}
	arm := experiment.Arm{Name: parts[0], Weight: uint32(weight)}
	if len(parts) == 3 {
		arm.PromotionID = parts[2]
	}
	return arm, nil
}

func (a *app) experimentListCommand() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "list the experiments", Args: cobra.NoArgs}
	asJSON := tableFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.promo(c, promoTableSections, func(ctx context.Context, p *service.Promo, _ config.Config) error {
			all, err := p.Experiments.List(ctx)
			if err != nil {
				return err
			}
			return a.printed(*asJSON, all, func() string { return experimentsText(all, a.width()) })
		})
	}
	return c
}

func (a *app) experimentAssignCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "assign NAME", Short: "assign the users of the segment to arms", Args: cobra.ExactArgs(1),
		Long: `Gives each user of the segment an arm, by a keyed hash of experiment and user.
Users who have an arm keep it with its time, also when they leave the segment. Run
it again when the segment has grown: only new users are added.

Without --execute it counts. --refresh materialises the segment first; otherwise
the latest run counts.`,
		Example: "  pianola promo experiment assign winback --refresh --execute",
	}
	execute := c.Flags().Bool("execute", false, "write the assignments; without it, count them")
	refresh := c.Flags().Bool("refresh", false, "materialise the segment first")
	asJSON := tableFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.promo(c, promoTableSections, func(ctx context.Context, p *service.Promo, _ config.Config) error {
			if *refresh {
				e, err := p.Experiments.Find(ctx, args[0])
				if err != nil {
					return err
				}
				r, err := segment.Parse(e.Segment)
				if err != nil {
					return err
				}
				if _, err := p.Segments.Refresh(ctx, r); err != nil {
					return err
				}
			}
			done, err := p.Experiments.Assign(ctx, args[0], *execute)
			if err != nil {
				return err
			}
			return a.printed(*asJSON, done, func() string { return assignmentText(done, a.width()) })
		})
	}
	return c
}

func (a *app) experimentReportCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "report NAME", Short: "report an experiment", Args: cobra.ExactArgs(1),
		Long: `Reports the outcomes of an experiment by intention to treat: users count in their
arm with any code, or with none.

First the sizes of the arms are compared with their weights. If they differ more
than chance allows, there is no result (exit status 3). While an arm has fewer
people due than planned, the answer is "not enough data yet", and no rate is
shown: a result that is looked at before its time is found too often.

conversion: charged above zero within the conversion days. renewal: revenue for
each assigned user, and users who were charged the list price after their first
charge, within the renewal days.`,
		Example: "  pianola promo experiment report winback",
	}
	asJSON := tableFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.promo(c, promoTableSections, func(ctx context.Context, p *service.Promo, _ config.Config) error {
			r, err := p.Experiments.Report(ctx, args[0])
			if err != nil {
				return err
			}
			if err := a.printed(*asJSON, r, func() string { return experimentReportText(r, a.width()) }); err != nil {
				return err
			}
			if r.Conversion.Verdict == experiment.Mismatch {
				return fmt.Errorf("%w: %s", errFound, r.Conversion.Reason)
			}
			return nil
		})
	}
	return c
}

func (a *app) experimentExportCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "export NAME --to FILE", Short: "write the users of arms", Args: cobra.ExactArgs(1),
		Long: `Writes the assigned users, for Composer and other tools: csv has user_id, arm and
assigned_at, ids has one user id a line and needs --arm. User ids are pseudonyms
of people: the file is readable only by you.`,
		Example: "  pianola promo experiment export winback --arm half --format ids --to half.txt",
	}
	to := c.Flags().String("to", "", "`FILE`, or - for standard output (required)")
	format := c.Flags().String("format", "csv", "`FORMAT`: csv or ids")
	arm := c.Flags().String("arm", "", "only this arm (`NAME`)")
	config.AddFlags(c.Flags(), append(slices.Clone(promoTableSections), "consumer.instance")...)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := checkUserFile(*to, *format); err != nil {
			return err
		}
		if *format == "ids" && *arm == "" {
			return usageError{errors.New("--format ids: give --arm, since a list of ids does not tell the arms apart")}
		}
		return a.promo(c, promoTableSections, func(ctx context.Context, p *service.Promo, _ config.Config) error {
			users, err := p.Experiments.Users(ctx, args[0], *arm)
			if err != nil {
				return err
			}
			return a.writeUsers(*to, *format, []string{"user_id", "arm", "assigned_at"}, len(users), func(i int) []string {
				return []string{users[i].UserID, users[i].Arm, users[i].AssignedAt.UTC().Format(time.RFC3339)}
			})
		})
	}
	return c
}
