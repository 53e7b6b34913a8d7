package care_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/promo"
)

// TestCheckout_RedeemsAPromoCode: the discount is in the event, the payment, the conversion
// and the code. The next period has the price of the term.
func TestCheckout_RedeemsAPromoCode(t *testing.T) {
	s := setUp(t)
	uid := text(s.search("has_active_subscription", "false", "has_payment", "true")[0], "uid")
	const winback = "PR000004"
	unused := list(s.get(promotions+"code/list", "promotion_id", winback, "state", "active", "offset", "0", "limit", "5"), "promo_codes")
	uses := number(s.get(promotions+"get", "promotion_id", winback), "promotion", "uses")
	receipt, err := s.desk.Checkout(t.Context(), uid, "TMPAY00", text(unused[0], "code"))
	s.must(err)
	price, _, _ := s.publisher.PriceOf("TMPAY00")
	if receipt.PromotionID != winback || receipt.ChargeAmount >= price || receipt.ChargeCurrency != "EUR" {
		t.Fatalf("got %+v", receipt)
	}
	if charged, _ := s.events[0]["transaction_value"].(float64); fmt.Sprintf("%.2f", charged) != receipt.ChargeAmount.String() {
		t.Errorf("the event has %v, the receipt %v", charged, receipt.ChargeAmount)
	}
	if sent := s.sent(); len(sent) != 1 || sent[0] != "Created "+receipt.SubscriptionID {
		t.Errorf("sent %v", sent)
	}
	c := s.get("/publisher/conversion/get", "term_conversion_id", receipt.TermConversionID)
	if text(c, "conversion", "promo_code", "code") != text(unused[0], "code") || text(c, "conversion", "promo_code", "state_value") != "used" ||
		text(c, "conversion", "price_after_discount") != receipt.ChargeAmount.String()+" EUR" || text(c, "conversion", "user_payment", "original_price") != price.String()+" EUR" {
		t.Errorf("got %v", c)
	}
	used := list(s.get(promotions+"code/list", "promotion_id", winback, "state", "used", "q", text(unused[0], "code"), "offset", "0", "limit", "5"), "promo_codes")
	if len(used) != 1 || text(used[0], "claimed_user", "uid") != uid || number(s.get(promotions+"get", "promotion_id", winback), "promotion", "uses") != uses+1 {
		t.Errorf("got %v", used)
	}
	for name, c := range map[string]struct{ code, says string }{
		"used": {text(unused[0], "code"), "unknown or used"}, "unknown": {"NOTHING", "unknown or used"}, "expired": {"ÅRSTILBUD", "expired"},
		"not_started": {"jul25", "new"}, "new_customers": {"WELCOME10", "new customers"}, "term": {"UNLOCK", "term"},
	} {
		term := "TMPAY01"
		if _, err := s.desk.Checkout(t.Context(), uid, term, c.code); !errors.Is(err, promo.ErrNotAccepted) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	// A fixed code can be used again, and without a code the price is that of the term.
	for range 2 {
		if receipt, err := s.desk.Checkout(t.Context(), uid, "TMDYN00", "spring20"); err != nil || receipt.ChargeAmount >= price {
			t.Errorf("got %+v, %v", receipt, err)
		}
	}
	if receipt, err := s.desk.Checkout(t.Context(), uid, "TMPAY00", ""); err != nil || receipt.ChargeAmount != price || receipt.PromotionID != "" {
		t.Errorf("got %+v, %v", receipt, err)
	}
	if receipt, err := s.desk.Checkout(t.Context(), uid, "TMPAY03", "NOTHING"); err != nil || receipt.PromotionID != "" {
		t.Errorf("a term without promo codes: %+v, %v", receipt, err)
	}
	if free, err := s.desk.Checkout(t.Context(), uid, "TMPAY00", "UNLOCK"); err != nil || free.ChargeAmount != 0 {
		t.Errorf("got %+v, %v", free, err)
	}
	if _, err := s.desk.Checkout(t.Context(), "nobody", "TMPAY00", ""); err == nil {
		t.Error("nobody has bought")
	}
	if _, err := s.desk.Checkout(t.Context(), uid, "TM", ""); err == nil {
		t.Error("an unknown term was bought")
	}

	s.post("/publisher/subscription/update", "subscription_id", receipt.SubscriptionID, "next_bill_date", itoa(int(s.clock().Unix())+60))
	s.pass(120e9)
	s.must(s.publisher.Bill(t.Context()))
	last := s.get("/publisher/conversion/lastAccess", "subscription_id", receipt.SubscriptionID)
	if text(last, "conversion", "type") != "Renewal" || text(last, "conversion", "user_payment", "price") != price.String()+" EUR" || at(last, "conversion", "promo_code") != nil {
		t.Errorf("the renewal: %v", last)
	}
}
