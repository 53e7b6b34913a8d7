package promotion

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pianola/pianola/transform"
)

// New is a promotion that is to be created. The fields that Piano sets itself are empty.
type New struct {
	Promotion
	// Terms are the ids of the terms of a scope other than all.
	Terms []string
}

var (
	codeForm     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
	idForm       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// ValidateCode checks the text of a code or of a prefix, without repeating it.
func ValidateCode(what, code string) error {
	if !codeForm.MatchString(code) {
		return fmt.Errorf("%s: want 1 to 100 letters, digits, _ and -", what)
	}
	return nil
}

// ValidateID checks the form of the id of a promotion.
func ValidateID(id string) error {
	if !idForm.MatchString(id) {
		return errors.New("promotion: want the id of a promotion")
	}
	return nil
}

// Validate reports every mistake at once.
func (n *New) Validate() error {
	var errs []error
	check := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	n.Name = strings.TrimSpace(n.Name)
	check(n.Name != "" && utf8.RuneCountInString(n.Name) <= 200 && !strings.ContainsFunc(n.Name, unicode.IsControl), "name: want 1 to 200 printable characters")
	check(transform.Guard(n.Name) == n.Name, "name: contains an e-mail address, and names are stored")
	check(n.FixedCode == "" || n.Prefix == "", "code: give either a fixed code or a prefix")
	if n.FixedCode != "" {
		errs = append(errs, ValidateCode("code", n.FixedCode))
	}
	if n.Prefix != "" {
		errs = append(errs, ValidateCode("prefix", n.Prefix))
	}
	switch n.Discount {
	case Percentage:
		check(n.Percentage != nil && n.Percentage.IsPositive() && n.Percentage.IntPart() <= 100 && !n.Percentage.GreaterThan(hundred), "percentage: want a number above 0 and at most 100")
		check(len(n.Amounts) == 0, "amounts: only a fixed discount has them")
	case Fixed:
		check(n.Percentage == nil, "percentage: only a discount in percent has it")
		check(len(n.Amounts) > 0, "amounts: want an amount in at least one currency")
	default:
		check(false, "discount: want percentage or fixed")
	}
	currencies := map[string]bool{}
	for _, a := range n.Amounts {
		check(currencyForm.MatchString(a.Currency) && a.Amount.IsPositive(), "amounts: want a currency of three capitals and an amount above 0")
		check(!currencies[a.Currency], "amounts: a currency is given twice")
		currencies[a.Currency] = true
	}
	check(n.Periods == nil || *n.Periods >= 1 && *n.Periods <= 1200, "periods: want 1 to 1200 billing periods, or all")
	check(n.UsesAllowed == nil || *n.UsesAllowed >= 1, "uses: want 1 or more, or unlimited")
	check(slices.Contains(Scopes(), n.Scope), "scope: want one of "+strings.Join(Scopes(), ", "))
	check(n.Scope == "all" && len(n.Terms) == 0 || n.Scope != "all" && len(n.Terms) > 0, "terms: want terms with the scopes include and unlocked, and none with all")
	for _, id := range n.Terms {
		check(idForm.MatchString(id), "terms: want ids of terms")
	}
	check(n.StartsAt == nil || n.EndsAt == nil || n.EndsAt.After(*n.StartsAt), "end: is not after the start")
	return errors.Join(errs...)
}

// parameters are those of the request. Every field is sent: Piano has defaults of its own.
func (n *New) parameters() url.Values {
	p := url.Values{
		"name": {n.Name}, "new_customers_only": {strconv.FormatBool(n.NewCustomersOnly)}, "discount_type": {n.Discount},
		"unlimited_uses": {strconv.FormatBool(n.UsesAllowed == nil)}, "never_allow_zero": {strconv.FormatBool(n.NeverZero)},
		"term_dependency_type":         {n.Scope},
		"apply_to_all_billing_periods": {strconv.FormatBool(n.Periods == nil)}, "can_be_applied_on_renewal": {strconv.FormatBool(n.OnRenewal)},
	}
	if n.Percentage != nil {
		p.Set("percentage_discount", n.Percentage.String())
	}
	if n.UsesAllowed != nil {
		p.Set("uses_allowed", strconv.FormatUint(*n.UsesAllowed, 10))
	}
	if n.Periods != nil {
		p.Set("billing_period_limit", strconv.FormatUint(uint64(*n.Periods), 10))
	}
	if n.StartsAt != nil {
		p.Set("start_date", strconv.FormatInt(n.StartsAt.Unix(), 10))
	}
	if n.EndsAt != nil {
		p.Set("end_date", strconv.FormatInt(n.EndsAt.Unix(), 10))
	}
	if n.FixedCode != "" {
		p.Set("fixed_promotion_code", n.FixedCode)
	}
	if n.Prefix != "" {
		p.Set("promotion_code_prefix", n.Prefix)
	}
	return p
}
