package world

// documented is the usual order of the fields. The three email fields are written
// together, at the position of the hash.
var documented = [...]field{
	fSubscriptionID, fUserID, fEventTimestamp, fSubscriptionAction, fEventName, fResourceName, fNextBilledAt,
	fBillingPeriod, fTermType, fTermName, fTransactionValue, fTrialPeriodEndedAt, fTrialDuration,
	fBillingCountryCode, fSubscriptionPeriodNumber, fPaymentMode, fUpgradeToSubscriptionID, fUserEmailHash,
	fIsInternalUser, fExperienceName,
}

// object writes the complete message. With exact it writes nothing before the object,
// because the size counts.
func (enc *encoder) object(correct, exact bool) {
	order := documented
	if enc.countIf("fields in another order", enc.unusual && enc.d.chance(0.3)) {
		for i := len(order) - 1; i > 0; i-- {
			j := enc.d.below(i + 1)
			order[i], order[j] = order[j], order[i]
		}
	}
	if enc.countIf("white space before the object", !exact && enc.unusual && enc.d.chance(0.03)) {
		enc.buf = append(enc.buf, "\r\n "...)
	}
	enc.buf = append(enc.buf, '{')
	twice := noField
	if g := enc.faults[0]; g != nil && g.duplicate {
		twice = g.field
	}
	extraAt := -1
	if enc.unusual {
		extraAt = enc.d.below(len(order))
	}
	for i, f := range order {
		switch {
		case f == twice:
		case f.aboutEmail() && twice.aboutEmail():
		default:
			enc.field(f, correct)
		}
		if i == extraAt {
			enc.unknownFields()
		}
	}
	if twice != noField {
		enc.duplicateField(twice)
	}
	if !enc.unusual || enc.d.chance(0.3) {
		enc.unknownField(`"schema_version"`, `2`)
	}
	enc.space()
	enc.buf = append(enc.buf, '}')
	if enc.countIf("white space after the object", enc.unusual && enc.d.chance(0.05)) {
		enc.buf = append(enc.buf, "\n"...)
	}
}

// field writes one field, or its fault.
func (enc *encoder) field(f field, correct bool) {
	if f == fUserEmailHash {
		enc.email()
		return
	}
	if g := enc.faultOf(f); g != nil {
		if g.raw != "" {
			enc.name(f)
			enc.buf = append(enc.buf, g.raw...)
		}
		return
	}
	switch f {
	case fEventTimestamp, fNextBilledAt, fTrialPeriodEndedAt:
		enc.timestamp(f)
	case fTransactionValue:
		enc.transactionValue(correct)
	case fSubscriptionPeriodNumber:
		enc.periodNumber()
	case fIsInternalUser:
		enc.internalFlag()
	case fSubscriptionAction:
		enc.action()
	default:
		enc.textField(f, correct)
	}
}
