package promo

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/promo/experiment"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/promo/segment"
)

// value is a field without spaces around it.
func value(form url.Values, name string) string { return strings.TrimSpace(form.Get(name)) }

// parsePromotion reads a new promotion. All mistakes are reported at once.
func parsePromotion(form url.Values) (*promotion.New, error) {
	n := &promotion.New{Terms: strings.Fields(strings.ReplaceAll(form.Get("terms"), ",", " "))}
	n.Name, n.FixedCode, n.Prefix, n.Scope = value(form, "name"), value(form, "code"), value(form, "prefix"), value(form, "scope")
	n.NewCustomersOnly, n.OnRenewal, n.NeverZero = form.Get("new_customers") != "", form.Get("on_renewal") != "", form.Get("never_zero") != ""
	texts := promotion.Texts{Percent: value(form, "percent"), Periods: value(form, "periods"), Uses: value(form, "uses")}
	for line := range strings.SplitSeq(form.Get("amounts"), "\n") {
		if strings.TrimSpace(line) != "" {
			texts.Amounts = append(texts.Amounts, line)
		}
	}
	var starts, ends error
	n.StartsAt, starts = parseDay("start", value(form, "start"))
	n.EndsAt, ends = parseDay("end", value(form, "end"))
	return n, errors.Join(starts, ends, texts.Fill(n))
}

// parseDay reads a day as a form has it, in UTC; nil for an empty text.
func parseDay(field, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, fmt.Errorf("%s: want a day such as 2026-06-30", field)
	}
	return &at, nil
}

// parseBatch reads a batch of codes.
func parseBatch(form url.Values) (promotion.Batch, error) {
	amount, err := strconv.Atoi(value(form, "amount"))
	if err != nil {
		amount = 0 // Validate says what is wanted
	}
	b := promotion.Batch{PromotionID: value(form, "id"), Prefix: value(form, "prefix"), Amount: amount}
	return b, b.Validate()
}

// parseReference reads a segment: as a reference, or as a name with a field for each
// parameter.
func parseReference(form url.Values) (segment.Reference, error) {
	if text := form.Get("segment"); text != "" {
		return segment.Parse(text)
	}
	given := url.Values{}
	for name := range form {
		if text, isParameter := strings.CutPrefix(name, "p_"); isParameter && value(form, name) != "" {
			given.Set(text, value(form, name))
		}
	}
	return segment.Parse(form.Get("name") + "?" + given.Encode())
}

// maxFormArms is how many arms the form has, the control arm included.
const maxFormArms = 4

// parseExperiment reads an experiment. All mistakes are reported at once.
func parseExperiment(form url.Values) (*experiment.Experiment, error) {
	var errs []error
	number := func(name string) float64 {
		n, err := strconv.ParseFloat(value(form, name), 64)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: want a number such as 0.02", strings.ReplaceAll(name, "_", " ")))
		}
		return n
	}
	whole := func(name string) uint32 {
		n, err := strconv.ParseUint(value(form, name), 10, 32)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: want a whole number", strings.ReplaceAll(name, "_", " ")))
		}
		return uint32(n)
	}
	e := &experiment.Experiment{ID: value(form, "id"), Segment: value(form, "segment"), ConversionDays: whole("conversion_days"), RenewalDays: whole("renewal_days"),
		Baseline: number("baseline"), Target: number("target"), Alpha: number("alpha"), Power: number("power")}
	for i := range maxFormArms {
		at := strconv.Itoa(i)
		name, promotion := value(form, "arm_name_"+at), value(form, "arm_promotion_"+at)
		if name == "" && promotion == "" {
			continue
		}
		e.Arms = append(e.Arms, experiment.Arm{Name: name, Weight: whole("arm_weight_" + at), PromotionID: promotion})
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return e, e.Prepare()
}
