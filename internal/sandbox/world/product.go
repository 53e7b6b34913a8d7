package world

import "fmt"

// product is a plan: a tier with a currency and a billing period.
type product struct {
	months  int
	period  string // the contract's billing_period
	price   int64  // for a whole period, in ten-thousandths
	name    string // the term's name
	monthly int64
}

// productIndex names one of the products.
type productIndex uint8

const (
	tiers      = 3
	currencies = 3
	periods    = 4
)

// The table's billing periods and their shares; a year costs ten months.
var (
	periodMonths  = [periods]int{1, 3, 12, 24}
	periodCharged = [periods]int64{1, 3, 10, 20}
	periodTexts   = [periods]string{"1 month", "3 months", "1 year", "2 years"}
	periodShares  = []float64{60, 5, 33, 2}
)

// The table's three monthly prices, in ten-thousandths.
var (
	currencyCodes  = [currencies]string{"EUR", "USD", "DKK"}
	currencyPrices = [currencies]int64{9_99_00, 12_99_00, 99_00_00}
)

var (
	tierNames   = [tiers]string{"Basic", "Plus", "All"}
	tierPercent = [tiers]int64{100, 150, 220}
)

// Resources are the names of what subscriptions of the world give access to.
func Resources() []string { return append([]string(nil), resources...) }

func makeProducts() []product {
	products := make([]product, 0, tiers*currencies*periods)
	for t := range tiers {
		for c := range currencies {
			for p := range periods {
				monthly := currencyPrices[c] * tierPercent[t] / 100
				products = append(products, product{
					months: periodMonths[p], period: periodTexts[p], monthly: monthly,
					price: monthly * periodCharged[p],
					name:  fmt.Sprintf("%s %s, %d.%02d %s", tierNames[t], periodTexts[p], monthly/10000, monthly/100%100, currencyCodes[c]),
				})
			}
		}
	}
	return products
}

func productOf(tier, currency, period int) productIndex {
	return productIndex((tier*currencies+currency)*periods + period)
}

// tierMoved returns the same product in another tier, and whether it exists.
func (p productIndex) tierMoved(by int) (productIndex, bool) {
	moved := int(p) + by*currencies*periods
	return productIndex(moved), moved >= 0 && moved < tiers*currencies*periods
}

// term is the contract's term_type.
type term uint8

const (
	termPayment term = iota
	termDynamic
	termGift
	termOther
)

var termShares = []float64{80, 12, 4, 4}

// trial is the kind of trial at the start of a subscription.
type trial uint8

const (
	noTrial trial = iota
	freeTrial
	paidTrial
)

var trialShares = []float64{65, 15, 20}
