package promo

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/promo/promotion"
)

// sentence begins with a capital and ends with a point.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// day is a day in UTC; a dash without one.
func day(at *time.Time) string {
	if at == nil {
		return "–"
	}
	return at.UTC().Format(time.DateOnly)
}

func promotionAddress(id string) string { return "/promo/promotion?" + url.Values{"id": {id}}.Encode() }

func segmentAddress(reference string) string {
	return "/promo/segment?" + url.Values{"segment": {reference}}.Encode()
}

func experimentAddress(id string) string {
	return "/promo/experiment?" + url.Values{"id": {id}}.Encode()
}

// discountText is the rule of a discount.
func discountText(p *promotion.Promotion) string {
	if p.Percentage != nil && p.Discount == promotion.Percentage {
		return p.Percentage.String() + " %"
	}
	var amounts []string
	for _, a := range p.Amounts {
		amounts = append(amounts, a.Amount.String()+" "+a.Currency)
	}
	return strings.Join(amounts, ", ")
}

// codeText is what pages show of the codes of a promotion. A code that works once is masked.
func codeText(p *promotion.Promotion) string {
	switch {
	case p.FixedCode != "":
		return p.Masked().FixedCode
	case p.Prefix != "":
		return p.Prefix + "…"
	}
	return "generated codes"
}

func periodsText(p *promotion.Promotion) string {
	if p.Periods == nil {
		return "all"
	}
	return strconv.FormatUint(uint64(*p.Periods), 10)
}

func usesText(p *promotion.Promotion) string {
	if p.UsesAllowed == nil {
		return fmt.Sprintf("%d, unlimited", p.Uses)
	}
	return fmt.Sprintf("%d of %d", p.Uses, *p.UsesAllowed)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// factsOf are the fields of a promotion, as Piano has them.
func factsOf(p *promotion.Promotion) []fact {
	return []fact{
		{"name", p.Name}, {"status", p.Status}, {"discount", discountText(p)}, {"billing periods with the discount", periodsText(p)}, {"code", codeText(p)},
		{"uses", usesText(p)}, {"starts", day(p.StartsAt)}, {"ends", day(p.EndsAt)}, {"terms", p.Scope}, {"only for new customers", yesNo(p.NewCustomersOnly)},
		{"usable when a subscription renews", yesNo(p.OnRenewal)}, {"price stays above zero", yesNo(p.NeverZero)},
	}
}

// stateText is the name of a state for people.
func stateText(s promotion.State) string { return strings.ReplaceAll(string(s), "_", " ") }

func countsText(counts map[promotion.State]int) string {
	var parts []string
	for _, s := range promotion.States() {
		parts = append(parts, fmt.Sprintf("%d %s", counts[s], stateText(s)))
	}
	return strings.Join(parts, ", ")
}
