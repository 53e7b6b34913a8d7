package world

import (
	"hash/fnv"
	"strconv"
)

// World is a simulated publisher with the events of all subscribers.
type World struct {
	cfg        Config
	start, end int64
	products   []product
	synonyms   [firstUnknownAction][]string
	faults     []fault

	people   []person
	subs     []subscription
	events   []event
	schedule []delivery
}

// New simulates all lives and plans all deliveries. Messages encodes them later. New
// takes about 1 µs and 150 bytes per event. It returns an error for an invalid Config.
func New(cfg Config) (*World, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	synonyms, err := readSynonyms()
	if err != nil {
		return nil, err
	}
	w := &World{
		cfg: cfg, start: cfg.Start.UnixMilli(), end: cfg.End.UnixMilli(),
		products: makeProducts(), synonyms: synonyms, faults: allFaults(),
	}
	w.populate()
	w.simulateLives()
	w.plan()
	return w, nil
}

// Config returns the configuration of the world.
func (w *World) Config() Config { return w.cfg }

// Subscriptions returns the number of all subscriptions, including those without
// messages.
func (w *World) Subscriptions() int { return len(w.subs) }

// Total returns the number of messages that Messages yields.
func (w *World) Total() int { return len(w.schedule) }

// populate makes the people and their first subscriptions.
func (w *World) populate() {
	var d dice
	w.people = make([]person, 0, w.cfg.Subscribers)
	w.subs = make([]subscription, 0, w.cfg.Subscribers+w.cfg.Subscribers/8)
	for i := range w.cfg.Subscribers {
		d.seed(w.cfg.Seed, streamPeople, uint64(i))
		w.people = append(w.people, w.makePerson(&d, i))
		from, to := w.start, w.end
		if d.chance(0.05) { // started before the stream
			from, to = w.start-2*365*day, w.start
		}
		at := d.startIn(from, to)
		w.subscribe(&d, uint32(i), at, noChange)
		if d.chance(0.03) { // two live subscriptions
			w.subscribe(&d, uint32(i), min(at+d.between(0, 90*day), w.end-1), noChange)
		}
	}
}

// noChange marks a subscription that does not continue another one.
const noChange = -1

// subscribe adds a subscription. simulateLives adds its events later. from is the
// subscription that it continues, or noChange.
func (w *World) subscribe(d *dice, who uint32, at int64, from int) uint32 {
	index := uint32(len(w.subs))
	s := subscription{
		person: who, startAt: at,
		grain:      grains[d.weighted(grainShares...)],
		term:       term(d.weighted(termShares...)),
		trial:      trial(d.weighted(trialShares...)),
		payment:    uint8(d.below(len(paymentModes))),
		resource:   uint8(d.below(len(resources))),
		experience: uint8(d.below(len(experiences))),
	}
	s.product = productOf(d.weighted(70, 20, 10), int(w.people[who].currency), d.weighted(periodShares...))
	if d.chance(0.7) {
		s.trialDays = 14
	}
	if s.term == termGift || s.term == termOther {
		s.trial = noTrial
	}
	if from != noChange {
		old := &w.subs[from]
		s.grain, s.term, s.trial, s.payment, s.resource, s.changed = old.grain, old.term, noTrial, old.payment, old.resource, true
	}
	w.name(d, &s, index)
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(s.id)) // never an error
	s.partition = int32(hash.Sum32() % uint32(w.cfg.Partitions))
	w.subs = append(w.subs, s)
	return index
}

// name sets a unique id: the index, scrambled by two reversible steps.
func (w *World) name(d *dice, s *subscription, index uint32) {
	const mask = 1<<40 - 1
	scrambled := (uint64(index)*0x9e3779b9_7f4a7c15 ^ mix(w.cfg.Seed)) & mask
	switch at := d.share(); {
	case at < 0.01:
		s.id = strconv.FormatUint(12_345_678_900_000_000_000+scrambled, 10)
		s.number = true
	case at < 0.013: // the guard runs before the event id is computed
		address := w.people[s.person].appendAddress(nil)
		suffix := "/" + strconv.FormatUint(uint64(index), 10)
		s.id = string(address) + suffix
		s.stored = string(appendGuarded(nil, address)) + suffix
	case at < 0.02:
		s.id = "abo æø-" + strconv.FormatUint(scrambled, 36)
	default:
		const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
		b := []byte("RC00000000")
		for i := len(b) - 1; i >= 2; i-- {
			b[i] = digits[scrambled&31]
			scrambled >>= 5
		}
		s.id = string(b)
	}
	if s.stored == "" {
		s.stored = s.id
	}
}
