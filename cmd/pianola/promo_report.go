package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/promo/checkout"
	"github.com/pianola/pianola/internal/service"
)

// errCodeFlag: a code on the command line is a code that others can read.
var errCodeFlag = errors.New("--code: codes are not given on the command line; use - and standard input")

func (a *app) promoReportCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "report", Short: "report the outcome of redeemed promo codes", Args: cobra.NoArgs,
		Long: `Reports redeemed codes by promotion and currency: the discount given and refunds.
The campaign conversion rate is the share that was charged the full price later.
The step-up loss is the share that was lost at the first charge without discount.
Retention after 1, 3, 6 and 12 months stands beside that of the full price.

Codes come from Piano (pianola promo sync) and from the latest traits (pianola
reconcile --csv). Plan changes are followed. Reserved codes are not redeemed. Who
cannot have reached the full price yet is counted apart.

The report describes and does not prove: who uses a code differs from who does
not. Only an experiment shows what a code causes.`,
		Example: "  pianola promo report --json | jq '.promotions[] | {name, currency, campaign_conversion_rate}'",
	}
	asJSON := tableFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.promo(c, promoTableSections, func(ctx context.Context, p *service.Promo, _ config.Config) error {
			r, err := p.Conversions.Report(ctx)
			if err != nil {
				return err
			}
			return a.printed(*asJSON, r, func() string { return promoReportText(r, a.width()) })
		})
	}
	return c
}

func (a *app) promoSnippetCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "snippet --offer ID --term ID --code -", Short: "write the script that fills a code in at the checkout", Args: cobra.NoArgs,
		Long: `Writes a script for a page of the publisher. It opens Piano's checkout with the code
filled in, and reports promotionId and termConversionId when the checkout is
complete: as the event ` + checkout.EventName + ` of the document, and with
--report-to also to a path of the site. The report has no user and no amount.

Save it as a file and load it with <script src>, after Piano's own script. So a
Content-Security-Policy without inline scripts allows it. Show the page only to
the audience: the exported users of the segment or arm.

The code is read from standard input: other users of the machine can read a
command line.`,
		Example: `  echo SPRING20 | pianola promo snippet --offer OFABC --term TMABC --code - --audience 'ended?days=30' > checkout.js`,
	}
	var s checkout.Snippet
	c.Flags().StringVar(&s.OfferID, "offer", "", "`ID` of the offer (required)")
	c.Flags().StringVar(&s.TermID, "term", "", "`ID` of the term (required)")
	c.Flags().StringVar(&s.TemplateID, "template", "", "`ID` of the template (default: that of the offer)")
	code := c.Flags().String("code", "", "`-` reads the code from standard input (required)")
	c.Flags().StringVar(&s.Audience, "audience", "", "segment or arm that the report names (`TEXT`, required)")
	c.Flags().StringVar(&s.ReportTo, "report-to", "", "`PATH` of the site that receives the report")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *code != "-" {
			return usageError{errCodeFlag}
		}
		text, err := a.readOneLine(c.Context())
		if err != nil {
			return err
		}
		s.PromoCode, s.Audience = text, strings.TrimSpace(s.Audience)
		if err := s.Validate(); err != nil {
			return usageError{err}
		}
		return a.print(s.JavaScript())
	}
	return c
}
