package world

import (
	"strconv"
	"time"

	"github.com/pianola/pianola/schemas"
)

// timestamp tells one of the three instants in a notation that fits it.
func (t *teller) timestamp(f field) {
	at := t.e.at
	switch f {
	case fNextBilledAt:
		at = t.e.next
	case fTrialPeriodEndedAt:
		at = t.e.trialEnd
	}
	if at == 0 {
		t.never(f)
		return
	}
	switch f {
	case fEventTimestamp:
		t.row.EventTimestamp = schemas.Millis(at)
	case fNextBilledAt:
		t.row.NextBilledAt = schemas.NullMillis{Millis: schemas.Millis(at), Valid: true}
	default:
		t.row.TrialPeriodEndedAt = schemas.NullMillis{Millis: schemas.Millis(at), Valid: true}
	}
	t.name(f)
	if !t.odd {
		t.note("time: RFC 3339")
		t.quoteTime(time.UnixMilli(at).UTC(), "2006-01-02T15:04:05.000Z")
		return
	}
	for {
		form := &timeForms[t.d.below(len(timeForms))]
		if form.grain == 0 || at%form.grain == 0 {
			t.note(form.name)
			form.tell(t, at)
			return
		}
	}
}

// never tells that there is no such instant: not at all, by epoch 0, or by a
// date so far away that it means never.
func (t *teller) never(f field) {
	if !t.odd || t.d.chance(0.5) {
		t.absent(f)
		return
	}
	t.name(f)
	form := neverForms[t.d.below(len(neverForms))]
	if t.used != nil {
		t.note("never: " + form)
	}
	t.buf = append(t.buf, form...)
}

// neverForms say that an optional instant does not exist: epoch 0 by its exact
// value, or 2200 and later.
var neverForms = []string{`0`, `"0"`, `"0.0"`, `-0`, `0.0e3`, `"000000"`, `"9999-12-31"`, `"9999-12-31T23:59:59Z"`,
	`"2200-01-01 00:00:00"`, `7258118400000`, `"9999-12-31 00:00:00.000+00:00"`}

func (t *teller) quoteTime(at time.Time, layout string) {
	t.buf = append(t.buf, '"')
	t.buf = at.AppendFormat(t.buf, layout)
	t.buf = append(t.buf, '"')
}

// An instant can be told in a notation when grain divides it.
type timeForm struct {
	name  string
	grain int64
	tell  func(t *teller, at int64)
}

// local writes a layout as text, in UTC.
func local(name string, grain int64, layout string) timeForm {
	return timeForm{name, grain, func(t *teller, at int64) { t.quoteTime(time.UnixMilli(at).UTC(), layout) }}
}

// offset writes a layout in a zone, some of them far from whole hours.
func offset(name string, grain int64, layout string, minutes ...int) timeForm {
	return timeForm{name, grain, func(t *teller, at int64) {
		shift := minutes[t.d.below(len(minutes))]
		t.quoteTime(time.UnixMilli(at).In(time.FixedZone("", shift*60)), layout)
	}}
}

// epoch writes a count of units since 1970, each a thousandth or a multiple of
// the millisecond, with what stands around it.
func epoch(name string, grain int64, tell func(t *teller, b []byte, at int64) []byte) timeForm {
	return timeForm{name, grain, func(t *teller, at int64) { t.buf = tell(t, t.buf, at) }}
}

// timeForms are the notations of contract §2, stage 2. Texts without an offset
// are UTC, which is the default of transform.source_timezone.
var timeForms = []timeForm{
	local("time: RFC 3339", 0, "2006-01-02T15:04:05.000Z"),
	local("time: whole seconds", second, "2006-01-02T15:04:05Z"),
	local("time: small t and z", 0, "2006-01-02t15:04:05.000z"),
	local("time: no offset", 0, "2006-01-02T15:04:05.000"),
	local("time: space and no offset", second, "2006-01-02 15:04:05"),
	local("time: space before Z", 0, "2006-01-02 15:04:05.000 Z"),
	local("time: UTC", 0, "2006-01-02 15:04:05.000 UTC"),
	local("time: GMT attached", second, "2006-01-02 15:04:05GMT"),
	local("time: comma", 0, "2006-01-02T15:04:05,000Z"),
	local("time: no seconds", minute, "2006-01-02T15:04Z"),
	local("time: no seconds, no offset", minute, "2006-01-02 15:04"),
	local("time: date alone", day, "2006-01-02"),
	local("time: minus zero", 0, "2006-01-02T15:04:05.000-00:00"),
	offset("time: offset", 0, "2006-01-02T15:04:05.000-07:00", 60, 120, -300, 345, -210, 840, 23*60+59, -(23*60 + 59)),
	offset("time: offset without colon", 0, "2006-01-02T15:04:05.000-0700", 60, 120, -570, 765),
	offset("time: offset of hours", 0, "2006-01-02T15:04:05.000-07", 60, 120, -480),
	offset("time: space before the offset", second, "2006-01-02 15:04:05 -07:00", 60, 120, -420),
	offset("time: no seconds, with an offset", minute, "2006-01-02T15:04-0700", 60, 330),
	{"time: finer digits, cut", 0, func(t *teller, at int64) {
		t.buf = append(t.buf, '"')
		t.buf = time.UnixMilli(at).UTC().AppendFormat(t.buf, "2006-01-02T15:04:05.000")
		t.digits(1 + t.d.below(6))
		t.buf = append(t.buf, `Z"`...)
	}},
	{"time: fewer digits", 100, func(t *teller, at int64) {
		t.quoteTime(time.UnixMilli(at).UTC(), "2006-01-02T15:04:05.0Z")
	}},
	{"time: white space around it", 0, func(t *teller, at int64) {
		t.buf = append(t.buf, "\"\u3000"...)
		t.buf = time.UnixMilli(at).UTC().AppendFormat(t.buf, "2006-01-02T15:04:05.000Z")
		t.buf = append(t.buf, `\t"`...)
	}},
	epoch("time: epoch seconds", second, func(_ *teller, b []byte, at int64) []byte { return strconv.AppendInt(b, at/1000, 10) }),
	epoch("time: epoch seconds as text", second, func(_ *teller, b []byte, at int64) []byte {
		return append(strconv.AppendInt(append(b, '"'), at/1000, 10), '"')
	}),
	epoch("time: epoch seconds with a leading zero as text", second, func(_ *teller, b []byte, at int64) []byte {
		return append(strconv.AppendInt(append(b, `"0`...), at/1000, 10), '"')
	}),
	epoch("time: epoch seconds with a fraction", 0, func(_ *teller, b []byte, at int64) []byte { return appendSeconds(b, at) }),
	epoch("time: epoch seconds with a fraction as text, cut", 0, func(_ *teller, b []byte, at int64) []byte {
		return append(appendSeconds(append(b, '"'), at), `9999999"`...)
	}),
	epoch("time: epoch milliseconds", 0, func(_ *teller, b []byte, at int64) []byte { return strconv.AppendInt(b, at, 10) }),
	epoch("time: epoch milliseconds as text", 0, func(_ *teller, b []byte, at int64) []byte {
		return append(strconv.AppendInt(append(b, '"'), at, 10), '"')
	}),
	epoch("time: epoch microseconds", 0, func(t *teller, b []byte, at int64) []byte {
		return strconv.AppendInt(b, at*1000+t.d.between(0, 1000), 10)
	}),
	epoch("time: epoch microseconds as text", 0, func(t *teller, b []byte, at int64) []byte {
		return append(strconv.AppendInt(append(b, '"'), at*1000+t.d.between(0, 1000), 10), '"')
	}),
	epoch("time: epoch nanoseconds", 0, func(t *teller, b []byte, at int64) []byte {
		return strconv.AppendInt(b, at*1_000_000+t.d.between(0, 1_000_000), 10)
	}),
	epoch("time: epoch nanoseconds as text", 0, func(t *teller, b []byte, at int64) []byte {
		return append(strconv.AppendInt(append(b, '"'), at*1_000_000+t.d.between(0, 1_000_000), 10), '"')
	}),
	epoch("time: epoch with an exponent", 0, func(_ *teller, b []byte, at int64) []byte {
		return append(strconv.AppendInt(b, at, 10), "000e-6"...) // seconds
	}),
	epoch("time: epoch with a positive exponent", second, func(_ *teller, b []byte, at int64) []byte {
		digits := strconv.FormatInt(at/1000, 10)
		b = append(append(append(b, digits[:1]...), '.'), digits[1:]...)
		return strconv.AppendInt(append(b, "E+"...), int64(len(digits)-1), 10)
	}),
	epoch("time: epoch milliseconds with a fraction, cut", 0, func(_ *teller, b []byte, at int64) []byte {
		return append(strconv.AppendInt(b, at, 10), ".999"...)
	}),
}

func (t *teller) digits(n int) {
	for range n {
		t.buf = append(t.buf, byte('0'+t.d.below(10)))
	}
}

// appendSeconds writes milliseconds as seconds with three places.
func appendSeconds(b []byte, at int64) []byte {
	b = strconv.AppendInt(b, at/1000, 10)
	return append(b, '.', byte('0'+at/100%10), byte('0'+at/10%10), byte('0'+at%10))
}
