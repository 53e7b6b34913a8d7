package world

import (
	"strconv"
	"time"
)

// timestamp writes one of the three instants in a notation that can express it.
func (enc *encoder) timestamp(f field) {
	at := enc.event.at
	switch f {
	case fNextBilledAt:
		at = enc.event.next
	case fTrialPeriodEndedAt:
		at = enc.event.trialEnd
	}
	if at == 0 {
		enc.noTime(f)
		return
	}
	enc.name(f)
	if !enc.unusual {
		enc.count("time: RFC 3339")
		enc.quoteTime(time.UnixMilli(at).UTC(), "2006-01-02T15:04:05.000Z")
		enc.want.instant(f, at)
		return
	}
	for {
		form := &timeForms[enc.d.below(len(timeForms))]
		if form.grain == 0 || at%form.grain == 0 {
			enc.count(form.name)
			form.encode(enc, at)
			if form.wall {
				at = enc.rules.fromWall(at)
			}
			enc.want.instant(f, at)
			return
		}
	}
}

// noTime writes an absent instant: omitted, as epoch 0, as a date of 1970, or as a date
// so far in the future that it means never.
func (enc *encoder) noTime(f field) {
	if !enc.unusual || enc.d.chance(0.5) {
		enc.absent(f)
		return
	}
	enc.name(f)
	form := noTimeForms[enc.d.below(len(noTimeForms))]
	if enc.notations != nil {
		enc.count("never: " + form)
	}
	enc.buf = append(enc.buf, form...)
	// A time without an offset may come to lie before 2200.
	if wall, err := time.Parse(`"2006-01-02 15:04:05"`, form); err == nil {
		if at := enc.rules.fromWall(wall.UnixMilli()); at < year2200 {
			enc.want.instant(f, at)
		}
	}
}

// year2200 is where instants begin to mean never.
var year2200 = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// noTimeForms are notations of an absent instant: exactly epoch 0, within a day of 1970,
// or 2200 and later.
var noTimeForms = []string{`0`, `"0"`, `"0.0"`, `-0`, `0.0e3`, `"000000"`, `"9999-12-31"`, `"9999-12-31T23:59:59Z"`,
	`"2200-01-01 00:00:00"`, `"1970-01-01T00:00:00Z"`, `"1970-01-01"`, `"1969-12-31T00:00:00+00:00"`,
	`"1970-01-02 01:00+0100"`, `"1969-12-31T23:59:59.9999Z"`, `7258118400000`, `"9999-12-31 00:00:00.000+00:00"`}

// timeForm is a notation of an instant. It can express multiples of grain.
type timeForm struct {
	name   string
	grain  int64
	encode func(enc *encoder, at int64)
	wall   bool // it has no offset, so the rules decide what it means
}

// inUTC returns the form of a layout as text in UTC.
func inUTC(name string, grain int64, layout string) timeForm {
	return timeForm{name, grain, func(enc *encoder, at int64) { enc.quoteTime(time.UnixMilli(at).UTC(), layout) }, false}
}

// wall returns the form of a layout without an offset, with the clock time of UTC.
func wall(name string, grain int64, layout string) timeForm {
	form := inUTC(name, grain, layout)
	form.wall = true
	return form
}

// offset returns the form of a layout with a zone offset, possibly of odd minutes.
func offset(name string, grain int64, layout string, minutes ...int) timeForm {
	return timeForm{name, grain, func(enc *encoder, at int64) {
		shift := minutes[enc.d.below(len(minutes))]
		enc.quoteTime(time.UnixMilli(at).In(time.FixedZone("", shift*60)), layout)
	}, false}
}

// epoch returns the form of a count of units since 1970, with its surrounding text.
func epoch(name string, grain int64, encode func(enc *encoder, b []byte, at int64) []byte) timeForm {
	return timeForm{name, grain, func(enc *encoder, at int64) { enc.buf = encode(enc, enc.buf, at) }, false}
}

// timeForms are the notations of contract §2, stage 2. Texts without an offset
// have the clock time of UTC, which is the default of transform.source_timezone.
var timeForms = []timeForm{
	inUTC("time: RFC 3339", 0, "2006-01-02T15:04:05.000Z"),
	inUTC("time: whole seconds", second, "2006-01-02T15:04:05Z"),
	inUTC("time: small t and z", 0, "2006-01-02t15:04:05.000z"),
	wall("time: no offset", 0, "2006-01-02T15:04:05.000"),
	wall("time: space and no offset", second, "2006-01-02 15:04:05"),
	inUTC("time: space before Z", 0, "2006-01-02 15:04:05.000 Z"),
	inUTC("time: UTC", 0, "2006-01-02 15:04:05.000 UTC"),
	inUTC("time: GMT attached", second, "2006-01-02 15:04:05GMT"),
	inUTC("time: comma", 0, "2006-01-02T15:04:05,000Z"),
	inUTC("time: no seconds", minute, "2006-01-02T15:04Z"),
	wall("time: no seconds, no offset", minute, "2006-01-02 15:04"),
	wall("time: date alone", day, "2006-01-02"),
	inUTC("time: minus zero", 0, "2006-01-02T15:04:05.000-00:00"),
	offset("time: offset", 0, "2006-01-02T15:04:05.000-07:00", 60, 120, -300, 345, -210, 840, 23*60+59, -(23*60 + 59)),
	offset("time: offset without colon", 0, "2006-01-02T15:04:05.000-0700", 60, 120, -570, 765),
	offset("time: offset of hours", 0, "2006-01-02T15:04:05.000-07", 60, 120, -480),
	offset("time: space before the offset", second, "2006-01-02 15:04:05 -07:00", 60, 120, -420),
	offset("time: no seconds, with an offset", minute, "2006-01-02T15:04-0700", 60, 330),
	{"time: finer digits, cut", 0, func(enc *encoder, at int64) {
		enc.buf = append(enc.buf, '"')
		enc.buf = time.UnixMilli(at).UTC().AppendFormat(enc.buf, "2006-01-02T15:04:05.000")
		enc.digits(1 + enc.d.below(6))
		enc.buf = append(enc.buf, `Z"`...)
	}, false},
	{"time: fewer digits", 100, func(enc *encoder, at int64) {
		enc.quoteTime(time.UnixMilli(at).UTC(), "2006-01-02T15:04:05.0Z")
	}, false},
	{"time: white space around it", 0, func(enc *encoder, at int64) {
		enc.buf = append(enc.buf, "\"\u3000"...)
		enc.buf = time.UnixMilli(at).UTC().AppendFormat(enc.buf, "2006-01-02T15:04:05.000Z")
		enc.buf = append(enc.buf, `\t"`...)
	}, false},
	epoch("time: epoch seconds", second, func(_ *encoder, b []byte, at int64) []byte { return strconv.AppendInt(b, at/1000, 10) }),
	epoch("time: epoch seconds as text", second, func(_ *encoder, b []byte, at int64) []byte {
		return append(strconv.AppendInt(append(b, '"'), at/1000, 10), '"')
	}),
	epoch("time: epoch seconds with a leading zero as text", second, func(_ *encoder, b []byte, at int64) []byte {
		return append(strconv.AppendInt(append(b, `"0`...), at/1000, 10), '"')
	}),
	epoch("time: epoch seconds with a fraction", 0, func(_ *encoder, b []byte, at int64) []byte { return appendSeconds(b, at) }),
	epoch("time: epoch seconds with a fraction as text, cut", 0, func(_ *encoder, b []byte, at int64) []byte {
		return append(appendSeconds(append(b, '"'), at), `9999999"`...)
	}),
	epoch("time: epoch milliseconds", 0, func(_ *encoder, b []byte, at int64) []byte { return strconv.AppendInt(b, at, 10) }),
	epoch("time: epoch milliseconds as text", 0, func(_ *encoder, b []byte, at int64) []byte {
		return append(strconv.AppendInt(append(b, '"'), at, 10), '"')
	}),
	epoch("time: epoch microseconds", 0, func(enc *encoder, b []byte, at int64) []byte {
		return strconv.AppendInt(b, at*1000+enc.d.between(0, 1000), 10)
	}),
	epoch("time: epoch microseconds as text", 0, func(enc *encoder, b []byte, at int64) []byte {
		return append(strconv.AppendInt(append(b, '"'), at*1000+enc.d.between(0, 1000), 10), '"')
	}),
	epoch("time: epoch nanoseconds", 0, func(enc *encoder, b []byte, at int64) []byte {
		return strconv.AppendInt(b, at*1_000_000+enc.d.between(0, 1_000_000), 10)
	}),
	epoch("time: epoch nanoseconds as text", 0, func(enc *encoder, b []byte, at int64) []byte {
		return append(strconv.AppendInt(append(b, '"'), at*1_000_000+enc.d.between(0, 1_000_000), 10), '"')
	}),
	epoch("time: epoch with an exponent", 0, func(_ *encoder, b []byte, at int64) []byte {
		return append(strconv.AppendInt(b, at, 10), "000e-6"...) // seconds
	}),
	epoch("time: epoch with a positive exponent", second, func(_ *encoder, b []byte, at int64) []byte {
		digits := strconv.FormatInt(at/1000, 10)
		b = append(append(append(b, digits[:1]...), '.'), digits[1:]...)
		return strconv.AppendInt(append(b, "E+"...), int64(len(digits)-1), 10)
	}),
	epoch("time: epoch milliseconds with a fraction, cut", 0, func(_ *encoder, b []byte, at int64) []byte {
		return append(strconv.AppendInt(b, at, 10), ".999"...)
	}),
}

// appendSeconds writes milliseconds as seconds with three decimal places.
func appendSeconds(b []byte, at int64) []byte {
	b = strconv.AppendInt(b, at/1000, 10)
	return append(b, '.', byte('0'+at/100%10), byte('0'+at/10%10), byte('0'+at%10))
}
