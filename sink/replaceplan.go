package sink

import (
	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// replacePlan is what must be written so that the table shows what the messages of a
// range give today.
type replacePlan struct {
	writes   []plannedRow
	markers  []marker
	searches []search
	contests []contest
	changes  map[int64]messageChange // by offset
	kept     int                     // searches whose departing row stays

	newest schemas.Millis // the latest synced_at of a row that is replaced or marked
}

// plannedRow is a row of a chunk that is to be inserted at a version.
type plannedRow struct {
	chunk   *Chunk
	row     int
	version uint64
	// successorOf is the event whose departed row this one replaces, if its message is
	// not of the range.
	successorOf *search
}

// marker is a delete marker that is to be inserted.
type marker struct {
	event *storedEvent
	level level
}

// search is an event that disappears unless another delivery gives it.
type search struct {
	event     *storedEvent
	departing []level // Ascending by version.
	best      int     // Row of the range's chunk that gives it, or -1.
	present   int     // Index of the highest other level that is an event, or -1.
	floor     uint64  // The lowest version at which a successor is visible.
}

// top is the departing row that readers see.
func (s *search) top() level { return s.departing[len(s.departing)-1] }

func (s *search) departure() Departure {
	return Departure{EventID: s.event.id, SubscriptionID: s.event.subscription, EventTimestamp: s.event.at,
		SubscriptionAction: s.event.action, Version: s.top().version, At: s.top().at}
}

// contest is an event whose visible row took over from a departed delivery. It has that
// one's version, so the versions do not say whether the row of the range wins.
type contest struct {
	event *storedEvent
	best  int // Row of the range's chunk that gives it.
	top   level
}

// departure asks for the claims of all messages: nothing departs.
func (c *contest) departure() Departure {
	return Departure{EventID: c.event.id, SubscriptionID: c.event.subscription, EventTimestamp: c.event.at,
		SubscriptionAction: c.event.action, Version: c.top.version}
}

// messageChange is what changes about one message, with the row that it had.
type messageChange struct {
	change Change
	event  *storedEvent // nil where it had no row
	level  level
}

// planner decides event by event. It has no I/O.
type planner struct {
	r        *Replacement
	mine     offsetRange
	outcomes outcomes
	events   map[schemas.EventID]*storedEvent
	// unreadable are the events whose claim cannot be read, or is refused by ClickHouse.
	unreadable map[schemas.EventID]bool

	plan replacePlan
}

func (p *planner) run() *replacePlan {
	p.plan.changes = make(map[int64]messageChange)
	contenders := map[schemas.EventID]int{} // the row with the highest version of each event
	c := p.r.Part.Chunk
	for offset, row := range p.outcomes.rows {
		id := schemas.EventID(c.eventID.values[row])
		best, known := contenders[id]
		if !known || c.version.values[row] > c.version.values[best] ||
			c.version.values[row] == c.version.values[best] && row > best {
			contenders[id] = row
		}
		p.plan.changes[offset] = messageChange{change: Superseded} // until another is found
	}
	for id, row := range contenders {
		if p.events[id] == nil {
			p.write(row, c.version.values[row], nil)
			p.plan.changes[c.sourceOffset.values[row]] = messageChange{change: Added}
		}
	}
	var buffer []byte
	for id, e := range p.events {
		row, contended := contenders[id]
		if !contended {
			row = -1
		}
		buffer = p.event(e, row, buffer)
	}
	return &p.plan
}

// event plans one event that the table has rows of. best is the row of the chunk that
// gives it, or -1.
func (p *planner) event(e *storedEvent, best int, buffer []byte) []byte {
	var departing []level
	present, floor := -1, uint64(0)
	for i, l := range e.levels {
		switch {
		case l.deleted:
			floor = max(floor, l.version)
		case p.departs(e.id, l):
			departing = append(departing, l)
			p.departed(e, l)
		default:
			present = i
		}
	}
	if n := len(departing); n > 0 && (present < 0 || departing[n-1].version > e.levels[present].version) {
		p.plan.searches = append(p.plan.searches, search{event: e, departing: departing, best: best, present: present,
			floor: max(floor, departing[n-1].version)})
		if best >= 0 {
			p.note(p.r.Part.Chunk.sourceOffset.values[best], messageChange{change: Restored})
		}
		return buffer
	}
	var written *uint64
	if best >= 0 {
		written, buffer = p.settle(e, best, present, floor, buffer)
	}
	p.mark(e, departing, written)
	return buffer
}

// departs reports whether the message that made a row gives another event today, or none.
func (p *planner) departs(id schemas.EventID, l level) bool {
	if !p.mine.has(l.at) || !p.outcomes.decided(l.at.Offset) {
		return false
	}
	row, stored := p.outcomes.rows[l.at.Offset]
	return !stored || schemas.EventID(p.r.Part.Chunk.eventID.values[row]) != id
}

// departed notes what changes about the message of a departing row.
func (p *planner) departed(e *storedEvent, l level) {
	change := ToFiltered
	if _, stored := p.outcomes.rows[l.at.Offset]; stored {
		change = Moved
	} else if p.outcomes.letters[l.at.Offset] {
		change = ToDeadLetter
	}
	p.plan.changes[l.at.Offset] = messageChange{change, e, l}
}

// settle plans the row of the chunk that gives an event of which nothing departs that
// readers see. It returns the version that is written, nil for none.
func (p *planner) settle(e *storedEvent, best, present int, floor uint64, buffer []byte) (*uint64, []byte) {
	c := p.r.Part.Chunk
	offset, version := c.sourceOffset.values[best], c.version.values[best]
	if present >= 0 {
		top := e.levels[present]
		switch {
		case top.at == c.coordinates(best):
			var content uuid.UUID
			content, buffer = c.contentHash(best, buffer)
			if content == top.content && top.version >= max(version, floor) {
				p.note(offset, messageChange{Unchanged, e, top})
				return nil, buffer
			}
			version = max(version, top.version, floor)
			p.write(best, version, e)
			p.note(offset, messageChange{Altered, e, top})
			return &version, buffer
		case top.version > version:
			if !schemas.OwnVersion(top.at, top.version) {
				p.plan.contests = append(p.plan.contests, contest{e, best, top})
			}
			return nil, buffer // superseded
		}
	}
	version = max(version, floor)
	p.write(best, version, e)
	p.note(offset, messageChange{change: Added})
	return &version, buffer
}

// note keeps that a message moved, which says more.
func (p *planner) note(offset int64, m messageChange) {
	if p.plan.changes[offset].change != Moved {
		p.plan.changes[offset] = m
	}
}

// write plans a row of the range's own chunk.
func (p *planner) write(row int, version uint64, e *storedEvent) {
	p.plan.writes = append(p.plan.writes, plannedRow{chunk: p.r.Part.Chunk, row: row, version: version})
	if e != nil {
		p.replaces(e)
	}
}

// replaces makes the new rows of an event later than its old ones.
func (p *planner) replaces(e *storedEvent) {
	for _, l := range e.levels {
		p.plan.newest = max(p.plan.newest, l.syncedAt)
	}
}

// mark plans markers for departing rows. A row that is replaced at its own version needs
// none. One that a higher version hides does: a later replay must not take it for a
// delivery.
func (p *planner) mark(e *storedEvent, departing []level, written *uint64) {
	for _, l := range departing {
		if written != nil && l.version == *written {
			continue
		}
		p.plan.markers = append(p.plan.markers, marker{e, l})
		p.replaces(e)
	}
}
