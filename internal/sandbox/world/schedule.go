package world

import (
	"cmp"
	"slices"
)

// kind is how a delivery is encoded.
type kind uint8

const (
	kindClean           kind = iota
	kindCorrected            // clean, with other attributes
	kindBroken               // with a fault
	kindTombstone            // no bytes
	kindAtLimit              // clean, of exactly the largest size
	kindAtLimitPrefixed      // the same, Confluent's prefix counted
	kindDeep                 // clean, nested exactly as deep as is allowed
)

// delivery is one planned message: its event, its times, and the variant that decides
// every notation. The same variant, kind and fault give the same bytes.
type delivery struct {
	sent    int64 // decides the order
	stamp   int64 // the record's timestamp
	event   uint32
	variant uint32
	fault   uint16
	kind    kind
}

// maxTooLarge limits the messages above the size limit. A few suffice for the test,
// and more would be slow.
const maxTooLarge = 8

// planner makes the schedule from the lives.
type planner struct {
	w       *World
	d       dice
	deck    []uint16 // faults left before the next shuffle
	large   int
	variant uint32
}

// plan makes the schedule: the deliveries of every event in the order of sending.
func (w *World) plan() {
	p := planner{w: w}
	p.d.seed(w.cfg.Seed, streamSchedule, 0)
	w.schedule = make([]delivery, 0, len(w.events)+len(w.events)/8)
	for i := range w.events {
		p.deliver(uint32(i))
	}
	p.addEdgeCases()
	slices.SortFunc(w.schedule, func(a, b delivery) int {
		return cmp.Or(cmp.Compare(a.sent, b.sent), cmp.Compare(a.variant, b.variant), cmp.Compare(a.stamp, b.stamp), cmp.Compare(a.kind, b.kind))
	})
}

// deliver plans all deliveries of one event.
func (p *planner) deliver(index uint32) {
	cfg := &p.w.cfg
	sent := p.w.events[index].at + p.d.between(5, 4000)
	if p.d.chance(cfg.LateShare) {
		sent += p.d.between(10*minute, 5*day)
	}
	first := delivery{sent: sent, stamp: sent, event: index}
	if p.d.chance(cfg.BadShare) {
		p.deliverBroken(first)
		if p.d.chance(0.4) {
			return // its event is lost
		}
		first.sent += p.d.between(hour, 3*day)
		first.stamp = first.sent
	}
	first = p.send(first)
	if p.d.chance(cfg.CorrectionShare) {
		p.correct(first)
	}
	if p.d.chance(cfg.DuplicateShare) {
		p.redeliver(first, p.d.between(1, 7*day), p.d.chance(0.5))
	}
	if p.d.chance(cfg.ReencodedShare) {
		retold := first
		retold.sent += p.d.between(1, 7*day)
		retold.stamp = retold.sent
		p.send(retold)
	}
	if p.d.chance(cfg.TombstoneShare) {
		p.send(delivery{sent: sent + p.d.between(1, hour), stamp: sent, event: index, kind: kindTombstone})
	}
}

// send adds a delivery with a new variant.
func (p *planner) send(d delivery) delivery {
	d.variant = p.variant
	p.variant++
	p.add(d)
	return d
}

// add adds a delivery, at the latest at the end of sending.
func (p *planner) add(d delivery) {
	if until := p.w.cfg.SentUntil; !until.IsZero() {
		d.sent, d.stamp = min(d.sent, until.UnixMilli()), min(d.stamp, until.UnixMilli())
	}
	p.w.schedule = append(p.w.schedule, d)
}

// redeliver adds the same bytes later. A mirrored record keeps its timestamp.
func (p *planner) redeliver(d delivery, later int64, mirrored bool) {
	d.sent += later
	if !mirrored {
		d.stamp = d.sent
	}
	p.add(d)
}

// correct adds a correction. In half of the cases the old bytes follow with their old
// timestamp, and must not win.
func (p *planner) correct(old delivery) {
	later := p.d.between(minute, 10*day)
	corrected := old
	corrected.kind = kindCorrected
	corrected.sent += later
	corrected.stamp = corrected.sent
	p.send(corrected)
	if p.d.chance(0.5) {
		p.redeliver(old, later+p.d.between(1, day), true)
	}
}

// deliverBroken adds a delivery with the next fault of the deck, so that every fault
// occurs before one repeats.
func (p *planner) deliverBroken(d delivery) {
	if len(p.deck) == 0 {
		for i := range p.w.faults {
			p.deck = append(p.deck, uint16(i))
		}
		for i := len(p.deck) - 1; i > 0; i-- {
			j := p.d.below(i + 1)
			p.deck[i], p.deck[j] = p.deck[j], p.deck[i]
		}
	}
	d.fault = p.deck[len(p.deck)-1]
	p.deck = p.deck[:len(p.deck)-1]
	if p.w.faults[d.fault].tooLarge {
		if p.large++; p.large > maxTooLarge {
			p.deliverBroken(d)
			return
		}
	}
	d.kind = kindBroken
	d = p.send(d)
	if p.d.chance(0.1) { // messages with faults are redelivered, too
		p.redeliver(d, p.d.between(1, day), false)
	}
}

// addEdgeCases turns a few deliveries into messages at the limits of size and depth.
func (p *planner) addEdgeCases() {
	n := len(p.w.schedule)
	for i, k := range []kind{kindAtLimit, kindDeep, kindAtLimitPrefixed, kindDeep} {
		if at := (i + 1) * n / 5; at < n && p.w.schedule[at].kind == kindClean {
			p.w.schedule[at].kind = k
		}
	}
}
