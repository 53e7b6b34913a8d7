package world

import "strings"

// The values of the free text fields. Backslashes, quotes, slashes and non-ASCII letters
// must stay unchanged.
var (
	resources     = []string{"Digital Access", "Print & Digital", "Weekend/Plus", `E-avis "Morgen"`, "Nyheder – Ægte", "100%\tclub"}
	paymentModes  = []string{"Credit Card", "PayPal", "Klarna", "Apple Pay", "Invoice"}
	experiences   = []string{"Paywall A/B", `Summer \ Offer`, "1.50", "", "Forår’s ✓", "spring-2026"}
	termTypes     = []string{"payment", "dynamic", "gift", "external"}
	eventNames    = []string{"subscription_event", "term_change", "payment_event"}
	trialDuration = []string{"1 month", "14 days", "14"}
)

// textField writes one of the plain text fields.
func (enc *encoder) textField(f field, correct bool) {
	p := &enc.w.products[enc.event.product]
	text := ""
	switch f {
	case fSubscriptionID:
		enc.text(f, enc.want.keep(enc.sub.stored), enc.sub.id, enc.sub.number)
		return
	case fUserID:
		enc.userID()
		return
	case fEventName:
		text = eventNames[0]
		if enc.event.target != 0 {
			text = eventNames[1]
		} else if enc.event.action == actPaymentFailed {
			text = eventNames[2]
		}
	case fResourceName:
		text = resources[enc.sub.resource]
	case fBillingPeriod:
		if enc.sub.term != termOther {
			text = p.period
		}
	case fTermType:
		text = termTypes[enc.sub.term]
	case fTermName:
		text = p.name
	case fTrialDuration:
		if enc.sub.trial != noTrial {
			text = trialDuration[min(enc.sub.trialDays, 1)]
			if enc.sub.experience == 0 && enc.sub.trialDays != 0 {
				text = trialDuration[2]
			}
		}
	case fBillingCountryCode:
		enc.country()
		return
	case fPaymentMode:
		if enc.sub.term == termPayment || enc.sub.term == termDynamic {
			text = paymentModes[enc.sub.payment]
		}
	case fUpgradeToSubscriptionID:
		if enc.event.target != 0 {
			to := &enc.w.subs[enc.event.target-1]
			enc.text(f, enc.want.keep(to.stored), to.id, to.number)
			return
		}
	case fExperienceName:
		text = experiences[enc.sub.experience]
		if correct {
			text = "Corrected by care"
		}
	}
	if text == "" {
		enc.absent(f)
		return
	}
	if enc.unusual && (f == fResourceName || f == fExperienceName || f == fTermName) && enc.d.chance(0.06) {
		enc.textWithAddress(f)
		return
	}
	enc.text(f, enc.want.keep(text), text, text == "14" || text == "1.50")
}

// text writes a text whose column must hold want. With number the text may be a JSON
// number, which the pipeline must keep as written.
func (enc *encoder) text(f field, want []byte, told string, number bool) {
	enc.want.text(f, want)
	enc.name(f)
	switch {
	case enc.countIf("text as a number", number && enc.d.chance(0.5)):
		enc.buf = append(enc.buf, told...)
	case enc.countIf("text with white space around it", enc.unusual && enc.d.chance(0.12)):
		enc.buf = append(enc.buf, '"')
		enc.buf = append(enc.buf, blanks[enc.d.below(len(blanks))]...)
		enc.buf = appendEscaped(enc.buf, told)
		enc.buf = append(enc.buf, blanks[enc.d.below(len(blanks))]...)
		enc.buf = append(enc.buf, '"')
	case enc.countIf("text wholly in escapes", enc.unusual && enc.d.chance(0.04)):
		enc.buf = append(enc.buf, '"')
		for _, r := range told {
			enc.buf = appendRune(enc.buf, r)
		}
		enc.buf = append(enc.buf, '"')
	case enc.countIf("text with an escaped solidus", enc.unusual && strings.ContainsRune(told, '/') && enc.d.chance(0.3)):
		from := len(enc.buf)
		enc.buf = appendString(enc.buf, told)
		escaped := strings.ReplaceAll(string(enc.buf[from:]), "/", `\/`)
		enc.buf = append(enc.buf[:from], escaped...)
	default:
		enc.buf = appendString(enc.buf, told)
	}
}

// blanks are white space around texts, by the Unicode property, some as JSON escapes.
var blanks = []string{"", " ", "   ", `\t`, `\n`, "\u3000", `\u00a0`, "\u2028", `\u0085`, `\u000b`, "\u205f", `\u1680`}

// userID writes the user id of the person.
func (enc *encoder) userID() {
	enc.scratch = enc.person.appendUserID(enc.scratch[:0])
	if enc.person.internal == internalByID {
		enc.want.internal = true
	}
	if len(enc.scratch) == 0 {
		enc.want.row.UserID = enc.want.keep("")
		enc.absent(fUserID)
		return
	}
	told := string(enc.scratch)
	if enc.person.naming == namedByAddress && enc.person.internal != internalByID {
		enc.count("address as the user id")
		if enc.person.internal == internalByDomain {
			enc.want.internal = true
		}
		enc.text(fUserID, enc.want.keepGuarded("", ""), enc.disguise(told), false)
		return
	}
	enc.text(fUserID, enc.want.keep(told), told, told[0] >= '1' && told[0] <= '9')
}

// country writes the code in any case. The pipeline must store two ASCII letters in
// upper case.
func (enc *encoder) country() {
	code := countries[enc.person.country]
	told := code
	if len(code) == 2 && code[0] < 0x80 && enc.unusual {
		switch enc.d.below(3) {
		case 0:
			enc.count("country in small letters")
			told = strings.ToLower(code)
		case 1:
			enc.count("country in mixed case")
			told = code[:1] + strings.ToLower(code[1:])
		}
	}
	enc.text(fBillingCountryCode, enc.want.keep(code), told, false)
}
