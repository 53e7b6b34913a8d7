package world

import "strings"

// What lives hold in the free texts; backslashes, quotes, slashes and letters
// beyond ASCII have to come through.
var (
	resources     = []string{"Digital Access", "Print & Digital", "Weekend/Plus", `E-avis "Morgen"`, "Nyheder – Ægte", "100%\tclub"}
	paymentModes  = []string{"Credit Card", "PayPal", "Klarna", "Apple Pay", "Invoice"}
	experiences   = []string{"Paywall A/B", `Summer \ Offer`, "1.50", "", "Forår’s ✓", "spring-2026"}
	termTypes     = []string{"payment", "dynamic", "gift", "external"}
	eventNames    = []string{"subscription_event", "term_change", "payment_event"}
	trialDuration = []string{"1 month", "14 days", "14"}
)

// plainText tells one of the fields that are text and nothing more.
func (t *teller) plainText(f field, correct bool) {
	p := &t.w.products[t.e.product]
	text := ""
	switch f {
	case fSubscriptionID:
		t.text(f, t.keep(t.s.stored), t.s.id, t.s.number)
		return
	case fUserID:
		t.userID()
		return
	case fEventName:
		text = eventNames[0]
		if t.e.target != 0 {
			text = eventNames[1]
		} else if t.e.action == actPaymentFailed {
			text = eventNames[2]
		}
	case fResourceName:
		text = resources[t.s.resource]
	case fBillingPeriod:
		if t.s.term != termOther {
			text = p.period
		}
	case fTermType:
		text = termTypes[t.s.term]
	case fTermName:
		text = p.name
	case fTrialDuration:
		if t.s.trial != noTrial {
			text = trialDuration[min(t.s.trialDays, 1)]
			if t.s.experience == 0 && t.s.trialDays != 0 {
				text = trialDuration[2]
			}
		}
	case fBillingCountryCode:
		t.country()
		return
	case fPaymentMode:
		if t.s.term == termPayment || t.s.term == termDynamic {
			text = paymentModes[t.s.payment]
		}
	case fUpgradeToSubscriptionID:
		if t.e.target != 0 {
			to := &t.w.subs[t.e.target-1]
			t.text(f, t.keep(to.stored), to.id, to.number)
			return
		}
	case fExperienceName:
		text = experiences[t.s.experience]
		if correct {
			text = "Corrected by care"
		}
	}
	if text == "" {
		t.absent(f)
		return
	}
	if t.odd && (f == fResourceName || f == fExperienceName || f == fTermName) && t.d.chance(0.06) {
		t.guarded(f)
		return
	}
	t.text(f, t.keep(text), text, text == "14" || text == "1.50")
}

// keep copies a text into the row's arena.
func (t *teller) keep(text string) []byte {
	from := len(t.arena)
	t.arena = append(t.arena, text...)
	return t.arena[from:len(t.arena):len(t.arena)]
}

// text tells a text whose column must hold want. number says that the text may
// stand as a JSON number, which is kept as it is written.
func (t *teller) text(f field, want []byte, told string, number bool) {
	*t.slot(f) = want
	t.name(f)
	switch {
	case t.mark("text as a number", number && t.d.chance(0.5)):
		t.buf = append(t.buf, told...)
	case t.mark("text with white space around it", t.odd && t.d.chance(0.12)):
		t.buf = append(t.buf, '"')
		t.buf = append(t.buf, blanks[t.d.below(len(blanks))]...)
		t.buf = appendEscaped(t.buf, told)
		t.buf = append(t.buf, blanks[t.d.below(len(blanks))]...)
		t.buf = append(t.buf, '"')
	case t.mark("text wholly in escapes", t.odd && t.d.chance(0.04)):
		t.buf = append(t.buf, '"')
		for _, r := range told {
			t.buf = appendRune(t.buf, r)
		}
		t.buf = append(t.buf, '"')
	case t.mark("text with an escaped solidus", t.odd && strings.ContainsRune(told, '/') && t.d.chance(0.3)):
		from := len(t.buf)
		t.buf = appendString(t.buf, told)
		escaped := strings.ReplaceAll(string(t.buf[from:]), "/", `\/`)
		t.buf = append(t.buf[:from], escaped...)
	default:
		t.buf = appendString(t.buf, told)
	}
}

// blanks are told around texts: white space by Unicode's property, some of it
// as JSON escapes.
var blanks = []string{"", " ", "   ", `\t`, `\n`, "\u3000", `\u00a0`, "\u2028", `\u0085`, `\u000b`, "\u205f", `\u1680`}

// userID tells who the subscription belongs to.
func (t *teller) userID() {
	t.scratch = t.p.appendUserID(t.scratch[:0])
	if t.p.internal == internalByID {
		t.internal = true
	}
	if len(t.scratch) == 0 {
		t.row.UserID = t.keep("")
		t.absent(fUserID)
		return
	}
	told := string(t.scratch)
	if t.p.naming == namedByAddress && t.p.internal != internalByID {
		t.note("address as the user id")
		if t.p.internal == internalByDomain {
			t.internal = true
		}
		from := len(t.arena)
		t.arena = appendGuarded(t.arena, t.scratch)
		t.text(fUserID, t.arena[from:len(t.arena):len(t.arena)], t.shout(told), false)
		return
	}
	t.text(fUserID, t.keep(told), told, told[0] >= '1' && told[0] <= '9')
}

// country tells the code in any case; two ASCII letters come out in capitals.
func (t *teller) country() {
	code := countries[t.p.country]
	told := code
	if len(code) == 2 && code[0] < 0x80 && t.odd {
		switch t.d.below(3) {
		case 0:
			t.note("country in small letters")
			told = strings.ToLower(code)
		case 1:
			t.note("country in mixed case")
			told = code[:1] + strings.ToLower(code[1:])
		}
	}
	t.text(fBillingCountryCode, t.keep(code), told, false)
}

// slot is where the row keeps a text field.
func (t *teller) slot(f field) *[]byte {
	r := &t.row
	switch f {
	case fSubscriptionID:
		return &r.SubscriptionID
	case fUserID:
		return &r.UserID
	case fSubscriptionAction:
		return &r.SubscriptionActionRaw
	case fEventName:
		return &r.EventName
	case fResourceName:
		return &r.ResourceName
	case fBillingPeriod:
		return &r.BillingPeriod
	case fTermType:
		return &r.TermType
	case fTermName:
		return &r.TermName
	case fTrialDuration:
		return &r.TrialDuration
	case fBillingCountryCode:
		return &r.BillingCountryCode
	case fPaymentMode:
		return &r.PaymentMode
	case fUpgradeToSubscriptionID:
		return &r.UpgradeToSubscriptionID
	case fUserEmailHash:
		return &r.UserEmailHashSHA256
	default:
		return &r.ExperienceName
	}
}
