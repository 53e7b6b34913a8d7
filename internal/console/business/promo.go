package business

import (
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

const noTraits = "No promo code is known. They come from the traits: run pianola reconcile with --csv or --export."

func promoCodes() page.PanelPage {
	return page.PanelPage{
		Title:   "Promo codes",
		About:   "Subscriptions by the promo code of the latest complete traits. It describes and does not prove: who uses a code differs from who does not.",
		Choices: []page.Choice{currency()},
		Panels: []page.Panel{
			{
				ID: "codes", Title: "Outcome of each code", Sources: []string{"promo_codes", "subscription_traits"},
				About: "A code on a trial is reserved until the first charge after it. Reserved and released codes are not redeemed. Full price counts a charge at the list price or more after the first charge." + perCurrency,
				Draw:  page.Ranking{Label: "promo_code", Series: []string{"full_price", "no_full_price", "reserved", "released"}, NotYetDue: "not_yet_due"},
				Query: figures.Query{SQL: `
SELECT promo_code, subscriptions, redeemed, full_price, redeemed - full_price - not_yet_due AS no_full_price, reserved, released, not_yet_due,
    round(100 * full_price / nullIf(redeemed, 0), 1) AS conversion_percent, live, discounted, new_customers
FROM promo_codes
WHERE ` + inCurrency + `
ORDER BY subscriptions DESC, promo_code
LIMIT 1000`},
				Empty: noTraits,
			},
			{
				ID: "money", Title: "Money by code", Sources: []string{"promo_codes", "subscription_traits"},
				About: "Of the redeemed codes. First discount is list price − first charge, where that is above zero." + perCurrency,
				Draw:  page.Ranking{Label: "promo_code", Series: []string{"net_revenue", "first_discount"}},
				Query: figures.Query{SQL: `
SELECT promo_code, redeemed, charges, refunds, charges + refunds AS net_revenue, first_discount, mrr
FROM promo_codes
WHERE ` + inCurrency + `
ORDER BY net_revenue DESC, promo_code
LIMIT 1000`},
				Empty: noTraits,
			},
		},
	}
}
