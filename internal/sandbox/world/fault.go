package world

import "github.com/pianola/pianola/schemas"

// faultStage orders faults as the contract does. Of two, the earlier is reported.
type faultStage uint8

const (
	stageMessage faultStage = iota // the complete message
	stageDecode                    // one field's type or content
	stageUTC
	stageFilter // has no faults, but a filtered event hides later ones
	stageEmail
	stageAction
)

// fault is one way to break a message, with its reason in the contract.
type fault struct {
	reason schemas.Reason
	field  field
	stage  faultStage

	// raw replaces the field's value as JSON; empty omits the field.
	raw string
	// corrupt breaks the finished message.
	corrupt func(enc *encoder, message []byte) []byte
	// duplicate writes the field twice.
	duplicate bool
	tooLarge  bool
}

// precedes reports whether the pipeline must report f and not g.
func (f *fault) precedes(g *fault) bool {
	if f.stage != g.stage {
		return f.stage < g.stage
	}
	return f.field < g.field
}

// allFaults returns every fault in a fixed order: all reasons that a message can have,
// on every field.
func allFaults() []fault {
	var all []fault
	for _, group := range [][]fault{
		messageFaults(), duplicateFaults(), missingFaults(), typeFaults(), valueFaults(), timestampFaults(),
	} {
		all = append(all, group...)
	}
	return all
}

func duplicateFaults() []fault {
	var out []fault
	for f := range fieldCount {
		out = append(out, fault{reason: schemas.DuplicateField, field: f, stage: stageMessage, duplicate: true})
	}
	return out
}

func missingFaults() []fault {
	var out []fault
	for f := range fieldCount {
		if !f.required() {
			continue
		}
		for _, raw := range []string{``, `null`, `""`, `" \t\u3000"`} {
			out = append(out, fault{reason: schemas.MissingField, field: f, stage: stageDecode, raw: raw})
		}
	}
	return out
}

func typeFaults() []fault {
	var out []fault
	for f := range fieldCount {
		raws := []string{`[]`, `{"en":"Monthly"}`, `true`, `[null,{"a":[1]}]`, `false`}
		if f == fIsInternalUser {
			raws = []string{`[]`, `{}`, `[true]`}
		}
		for _, raw := range raws {
			out = append(out, fault{reason: schemas.InvalidType, field: f, stage: stageDecode, raw: raw})
		}
	}
	return out
}

// valueFaults have a valid type and invalid content.
func valueFaults() []fault {
	var out []fault
	add := func(f field, s faultStage, raws ...string) {
		for _, raw := range raws {
			out = append(out, fault{reason: schemas.InvalidValue, field: f, stage: s, raw: raw})
		}
	}
	add(fSubscriptionID, stageDecode, `"RC\u001f1"`, `"RC1\u001f"`, `"RC\u00851"`, `"RC\n1"`, `"\u0000RC1"`, `"RC\u007f1"`)
	add(fTransactionValue, stageDecode, `"much"`, `"NaN"`, `"1,50"`, `"9.99 EUR"`, `1e14`, `-100000000000000`,
		`"99999999999999.99995"`, `1e400`, `"0x10"`, `"."`, `"1e"`, `"1_000"`, `"- 1"`, `"+-1"`, `"٣"`)
	add(fSubscriptionPeriodNumber, stageDecode, `3.5`, `-1`, `2147483648`, `"three"`, `"3.5"`, `1e10`, `"-1"`, `0.9999999999999999999`, `5e-1`, `"1 2"`)
	add(fIsInternalUser, stageDecode, `1.0`, `2`, `-0`, `"maybe"`, `"y"`, `"on"`, `1e0`, `"2"`, `"truе"`) // the last ends in a Cyrillic letter
	add(fUserEmailHash, stageEmail, `"2a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"`, `"n/a"`, `62`,
		`"sha256:62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"`, `"g2a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"`,
		`"Kim <kim@example.com>"`)
	addresses := []string{`"n/a"`, `"root@localhost"`, `"Kim <kim@example.com>"`, `"kim@example.com;bo@example.com"`, `5`, `"kim@example.c"`, `"@example.com"`, `"\u200b"`,
		`"kim%2540example.com"`, `"kim@exa mple.com"`}
	add(fUserEmail, stageEmail, addresses...)
	add(fEmail, stageEmail, addresses...)
	return out
}

// timestampFaults cannot be parsed, or are out of range.
func timestampFaults() []fault {
	unreadable := []string{
		`"never"`, `"20240105"`, `" 20240105100000 "`, `"00000000"`, `"2024-01-05T10:00.5Z"`, `"2024-01-05  10:00:00Z"`,
		`"2016-12-31T23:59:60Z"`, `"2024-01-05T24:00:00Z"`, `"2023-02-29"`, `"2024-01-05+02:00"`, `"2024-01-05T10:00:00+24:00"`,
		`"12024-01-05T10:00:00Z"`, `"2024-01-05T10:00:00 CET"`, `"05/01/2024 10:00"`, `"1.7044488e9"`, `"2024-1-5T10:00:00Z"`,
		`"2024-01-05T10:00:00.1234567890Z"`, `"2024-13-01"`, `"2024-01-05T10:00:00+01:60"`, `"2024-01-05T10:00:00."`,
	}
	var out []fault
	add := func(f field, reason schemas.Reason, raws ...string) {
		for _, raw := range raws {
			out = append(out, fault{reason: reason, field: f, stage: stageUTC, raw: raw})
		}
	}
	for f := range fieldCount {
		if !f.timestamp() {
			continue
		}
		add(f, schemas.InvalidTimestamp, unreadable...)
		add(f, schemas.TimestampOutOfRange, `-1`, `"-1"`, `"1969-12-30T23:59:59.999Z"`, `"1970-01-02T00:00:00.001Z"`, `"0001-01-01"`, `-1704448800.5`,
			`20529`, `"20529.25"`, `"1999-12-31T23:59:59.999Z"`, `"2000-01-01T00:30:00+01:00"`, `100000000000`)
	}
	add(fEventTimestamp, schemas.TimestampOutOfRange, `0`, `"0"`, `"1970-01-01"`, `"9999-12-31"`, `"2199-12-31T00:00:00Z"`)
	return out
}
