package promo

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/promo/conversion"
	"github.com/pianola/pianola/internal/promo/promotion"
)

// conversionContent is the page of the outcome of codes.
type conversionContent struct {
	Figures any
	Piano   bool
	ReadAt  string // when conversions were last read from Piano; empty for never
}

// conversion is the page.
func (p pages) conversion(w http.ResponseWriter, req *http.Request) {
	content := conversionContent{Piano: p.Promotions.API != nil}
	var done bool
	if content.Figures, done = p.Load(w, req, conversionPanels(p.Conversions.Queries())); done {
		return
	}
	read, err := p.Conversions.LastSync(req.Context())
	if err != nil {
		p.FailRead(w, req, err)
		return
	}
	if !read.IsZero() {
		content.ReadAt = read.UTC().Format("2006-01-02 15:04:05")
	}
	p.Page(w, req, http.StatusOK, "promo-conversion", "Conversion", content)
}

// conversionPanels are the panels. Those of promotions have one query, which runs once.
func conversionPanels(q conversion.Queries) page.PanelPage {
	promotions := figures.Query{Params: map[string]string{"months": "[1]"}, Keep: time.Minute,
		SQL: "SELECT *\nFROM\n(\n" + q.Promotions + "\n)\nWHERE currency = {currency:String}\nORDER BY redeemed DESC, promotion\nLIMIT 1000"}
	retention := figures.Query{Params: map[string]string{"months": "[1,2,3,4,5,6,7,8,9,10,11,12]"}, Keep: time.Minute,
		SQL: "SELECT *\nFROM\n(\n" + q.Retention + "\n)\nWHERE currency = {currency:String}\nORDER BY month"}
	const empty = "No code was redeemed in this time. Codes come from Piano (Read from Piano) and from the traits (pianola reconcile --csv)."
	panel := func(id, title, about string, draw page.Drawing, columns ...string) page.Panel {
		return page.Panel{ID: id, Title: title, About: about + " In the selected currency.", Draw: draw, Query: promotions, Columns: columns, Empty: empty,
			Sources: []string{"subscriptions", "promo_conversions", "promotion_rules", "subscription_traits"},
			Links: map[string]func(map[string]string) string{"promotion_id": func(row map[string]string) string {
				if promotion.ValidateID(row["promotion_id"]) != nil {
					return ""
				}
				return promotionAddress(row["promotion_id"])
			}}}
	}
	return page.PanelPage{
		Title: "Conversion", Usual: "36mo", Spans: []string{"30d", "3mo", "12mo", "36mo"},
		Choices: []page.Choice{{Name: "currency", Label: "Currency", Options: figures.Query{Keep: time.Minute, SQL: `
SELECT currency FROM subscriptions FINAL WHERE counts AND subscription_id != '' GROUP BY currency ORDER BY currency IN ('', 'unknown'), count() DESC, currency`}}},
		Panels: []page.Panel{
			panel("redeemed", "Redemptions by promotion", "Lives whose code was used in the time of the page; a life is a subscription and those that it changed to. Reserved codes are not redeemed; released ones never were. Not yet due: the first charge without a discount has not passed by seven days.",
				page.Ranking{Label: "promotion", Series: []string{"full_price", "no_full_price", "without_step_up", "reserved", "released"}, NotYetDue: "not_yet_due"},
				"promotion", "promotion_id", "redeemed", "due", "full_price", "no_full_price", "not_yet_due", "without_step_up", "reserved", "released", "rule_known"),
			panel("rate", "Full-price renewals ÷ redeemed", "Percent of the due lives that were charged the list price or more after the first period.",
				page.Ranking{Label: "promotion", Series: []string{"conversion_percent"}}, "promotion", "promotion_id", "redeemed", "due", "full_price", "conversion_percent"),
			panel("discount", "Discount given", "Discount is list price − charge of all charges since the redemption. Refunds are in the panel below.",
				page.Ranking{Label: "promotion", Series: []string{"charged_amount", "discount_given"}},
				"promotion", "promotion_id", "redeemed", "charged_amount", "discount_given", "first_discount_given"),
			panel("step-up", "Step-up loss", "Lives that lasted until the first charge without a discount: those that were charged the list price, and those that were lost there.",
				page.Ranking{Label: "promotion", Series: []string{"kept_at_step_up", "lost_at_step_up"}},
				"promotion", "promotion_id", "reached_step_up", "kept_at_step_up", "lost_at_step_up", "step_up_loss_percent"),
			panel("refunds", "Refunds", "Refunds since the redemption, and lives with one.",
				page.Ranking{Label: "promotion", Series: []string{"refunded_amount"}}, "promotion", "promotion_id", "redeemed", "lives_with_refund", "refunded_amount", "charged_amount"),
			{
				ID: "retention", Title: "Retention, with a code and at the full price", Query: retention, Empty: empty, Sources: []string{"subscriptions", "promo_conversions", "promotion_rules", "subscription_traits"},
				About: "Percent of the lives of this age that are still there, by months after the first charge. With a code: redeemed in the time of the page. At the full price: no code, and the first charge at the list price in that time. It describes and does not prove: who uses a code differs from who does not. In the selected currency.",
				Draw:  page.Lines{X: "month", Series: []string{"with_code_percent", "full_price_percent"}},
			},
		},
	}
}

// readConversions plans a read of promotions and conversions.
func (p pages) readConversions(w http.ResponseWriter, req *http.Request) {
	if !p.asksPiano(w, req) {
		return
	}
	p.propose(w, req, &change{
		title: "Read promotions and conversions from Piano", button: "Read", back: "/promo/conversion",
		plan: func(ctx context.Context) (*shown, error) {
			last, err := p.Conversions.LastSync(ctx)
			if err != nil {
				return nil, err
			}
			text := "Nothing was read so far, so two years are read."
			if !last.IsZero() {
				text = "The last read was at " + last.UTC().Format("2006-01-02 15:04:05") + " UTC. It is continued."
			}
			return &shown{Text: text + " Piano asks to be informed of regular reads of conversions."}, nil
		},
		do: func(ctx context.Context, record promotion.Record) (s *shown, err error) {
			err = recorded(ctx, record, "promo_sync", "", "", func() (string, error) {
				r, err := p.Conversions.Sync(ctx, time.Time{})
				if err != nil {
					return "", err
				}
				s = &shown{Text: "Promotions and conversions were read.", Mark: "note", Link: "Conversion", To: "/promo/conversion", Facts: []fact{
					{"promotions", fmt.Sprint(r.Promotions)}, {"new versions of rules", fmt.Sprint(r.Versions)}, {"conversions since", r.From.Format(time.DateOnly)},
					{"conversions", fmt.Sprint(r.Conversions)}, {"with a promo code", fmt.Sprint(r.WithCode)}, {"unreadable", fmt.Sprint(r.Unreadable)},
				}}
				return fmt.Sprintf("%d promotions, %d conversions", r.Promotions, r.Conversions), nil
			})
			return s, err
		},
	})
}
