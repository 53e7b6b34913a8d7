package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/service"
)

// segmentHelp explains references.
const segmentHelp = `
SEGMENT is a name with parameters, such as ended?days=30&country=NO. Quote it: the
shell reads ? and &. pianola promo segment list shows all names and parameters.`

func (a *app) segmentListCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "list the segments with their parameters", Args: cobra.NoArgs,
		Long: `Lists the segments. Each takes its own parameters, and country, resource and term.`,
	}
	asJSON := jsonFlag(c)
	c.RunE = func(*cobra.Command, []string) error {
		all := segment.Definitions()
		return a.printed(*asJSON, all, func() string { return definitionsText(all, a.width()) })
	}
	return c
}

// references reads the arguments of a command.
func references(args []string) ([]segment.Reference, error) {
	var all []segment.Reference
	var errs []error
	for _, text := range args {
		r, err := segment.Parse(text)
		if err != nil {
			errs = append(errs, err)
		}
		all = append(all, r)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, usageError{err}
	}
	return all, nil
}

func tableFlags(c *cobra.Command) *bool {
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), append(slices.Clone(promoTableSections), "consumer.instance")...)
	return asJSON
}

func (a *app) segmentPreviewCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "preview SEGMENT...", Short: "count the users of segments", Args: cobra.MinimumNArgs(1),
		Long:    "Counts the users who are in segments now. It writes nothing.\n" + segmentHelp,
		Example: "  pianola promo segment preview 'ended?days=30' 'voluntary_churn?days=90&country=NO'",
	}
	asJSON := tableFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		wanted, err := references(args)
		if err != nil {
			return err
		}
		return a.promo(c, promoTableSections, func(ctx context.Context, p *service.Promo, _ config.Config) error {
			var all []*segment.Preview
			for _, r := range wanted {
				one, err := p.Segments.Preview(ctx, r)
				if err != nil {
					return err
				}
				all = append(all, one)
			}
			return a.printed(*asJSON, all, func() string { return previewsText(all, a.width()) })
		})
	}
	return c
}

func (a *app) segmentRefreshCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "refresh SEGMENT...", Short: "materialise segments", Args: cobra.MinimumNArgs(1),
		Long: `Writes the users of segments into segment_members. The last two runs of a segment
are kept. pianola run does it for promo.segments at promo.interval.
` + segmentHelp,
		Example: "  pianola promo segment refresh 'ended?days=30'",
	}
	asJSON := tableFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		wanted, err := references(args)
		if err != nil {
			return err
		}
		return a.promo(c, promoTableSections, func(ctx context.Context, p *service.Promo, _ config.Config) error {
			var all []segment.Run
			for _, r := range wanted {
				one, err := p.Segments.Refresh(ctx, r)
				if err != nil {
					return err
				}
				all = append(all, *one)
			}
			return a.printed(*asJSON, all, func() string { return runsText(all, a.width()) })
		})
	}
	return c
}

func (a *app) segmentRunsCommand() *cobra.Command {
	c := &cobra.Command{Use: "runs", Short: "list the materialised segments", Args: cobra.NoArgs, Long: "Lists the latest complete run of each segment."}
	asJSON := tableFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.promo(c, promoTableSections, func(ctx context.Context, p *service.Promo, _ config.Config) error {
			all, err := p.Segments.Materialised(ctx)
			if err != nil {
				return err
			}
			return a.printed(*asJSON, all, func() string { return runsText(all, a.width()) })
		})
	}
	return c
}

func (a *app) segmentExportCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "export SEGMENT --to FILE", Short: "write the users of a materialised segment", Args: cobra.ExactArgs(1),
		Long: `Writes the users of the latest run of a segment, for Composer and other tools:
csv has user_id and subscription_id, ids has one user id a line. User ids are
pseudonyms of people: the file is readable only by you.
` + segmentHelp,
		Example: `  pianola promo segment export 'ended?days=30' --to ended.csv
  pianola promo segment export 'ended?days=30' --to - --format ids | wc -l`,
	}
	to := c.Flags().String("to", "", "`FILE`, or - for standard output (required)")
	format := c.Flags().String("format", "csv", "`FORMAT`: csv or ids")
	config.AddFlags(c.Flags(), append(slices.Clone(promoTableSections), "consumer.instance")...)
	c.RunE = func(c *cobra.Command, args []string) error {
		wanted, err := references(args)
		if err != nil {
			return err
		}
		if err := checkUserFile(*to, *format); err != nil {
			return err
		}
		return a.promo(c, promoTableSections, func(ctx context.Context, p *service.Promo, _ config.Config) error {
			run, err := p.Segments.Latest(ctx, wanted[0])
			switch {
			case err != nil:
				return err
			case run == nil:
				return fmt.Errorf("%s has not been materialised; run pianola promo segment refresh", wanted[0])
			}
			members, err := p.Segments.Members(ctx, run)
			if err != nil {
				return err
			}
			return a.writeUsers(*to, *format, []string{"user_id", "subscription_id"}, len(members), func(i int) []string {
				return []string{members[i].UserID, members[i].SubscriptionID}
			})
		})
	}
	return c
}

func checkUserFile(to, format string) error {
	switch {
	case to == "":
		return usageError{errors.New("give --to")}
	case format != "csv" && format != "ids":
		return usageError{errors.New("--format: use csv or ids")}
	}
	return nil
}

// writeUsers writes rows whose first value is a user id. A file replaces another one only
// when it is complete.
func (a *app) writeUsers(to, format string, titles []string, n int, row func(i int) []string) error {
	write := func(w io.Writer) error {
		if format == "ids" {
			var b strings.Builder
			for i := range n {
				b.WriteString(row(i)[0] + "\n")
			}
			_, err := io.WriteString(w, b.String())
			return err
		}
		out := csv.NewWriter(w)
		_ = out.Write(titles)
		for i := range n {
			_ = out.Write(row(i))
		}
		out.Flush()
		return out.Error() // of any of the rows
	}
	if to == "-" {
		a.progress.hide()
		if err := write(a.stdout); err != nil {
			return outputError{err}
		}
		return nil
	}
	if err := replaceFile(to, write); err != nil {
		return err
	}
	return a.print(fmt.Sprintf("users written: %d\n", n))
}

// replaceFile writes a file that only its owner can read. An error leaves the file that was
// there, and no other one.
func replaceFile(to string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(to), ".pianola-*")
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	err = errors.Join(write(file), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), to)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the file: %w", err), os.Remove(file.Name()))
	}
	return nil
}
