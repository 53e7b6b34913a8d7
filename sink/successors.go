package sink

import (
	"context"

	"github.com/pianola/pianola/schemas"
)

// successor is the delivery that takes over an event whose row departs. It replaces the
// departing row at its version, which is higher than the delivery's own: a marker would
// hide the row at any lower one. So a row that took over keeps the version of the
// departed delivery.
type successor struct {
	kind    successorKind
	version uint64 // of the delivery
	claim   Claim
}

type successorKind uint8

const (
	noSuccessor successorKind = iota
	ownSuccessor
	claimedSuccessor
	presentSuccessor
)

// resolve finds the successors of all departing rows that readers see, and adds their rows
// to the plan. Without a successor the departing row gets a marker.
func (p *planner) resolve(ctx context.Context, w *Writer) error {
	if len(p.plan.searches)+len(p.plan.contests) == 0 {
		return nil
	}
	var departures []Departure
	for i := range p.plan.searches {
		departures = append(departures, p.plan.searches[i].departure())
	}
	for i := range p.plan.contests {
		departures = append(departures, p.plan.contests[i].departure())
	}
	claims, err := p.r.Claims(ctx, departures)
	if err != nil {
		return err
	}
	p.decideContests(claims)
	read, err := p.readClaims(ctx, claims)
	if err != nil {
		return err
	}
	copied := NewChunk()
	copies := make(map[levelKey]bool)
	chosen := make([]successor, len(p.plan.searches))
	for i := range p.plan.searches {
		s := &p.plan.searches[i]
		if chosen[i] = p.choose(s, claims); chosen[i].kind == presentSuccessor {
			copies[s.event.levels[s.present].key(s.event)] = true
		}
	}
	inCopied, err := w.readRows(ctx, p.events, copies, copied)
	if err != nil {
		return err
	}
	inRead := rowsByEvent(read)
	for i := range p.plan.searches {
		s, found := &p.plan.searches[i], chosen[i]
		switch found.kind {
		case ownSuccessor:
			p.take(s, plannedRow{chunk: p.r.Part.Chunk, row: s.best, version: found.version})
		case claimedSuccessor:
			p.take(s, plannedRow{chunk: read, row: inRead[s.event.id], version: found.version, successorOf: s})
		case presentSuccessor:
			row, there := inCopied[s.event.levels[s.present].key(s.event)]
			if !there { // somebody has just replaced it, and departs from a newer state
				p.keep(s)
				continue
			}
			p.take(s, plannedRow{chunk: copied, row: row, version: found.version, successorOf: s})
		default:
			if p.unreadable[s.event.id] {
				p.keep(s)
				continue
			}
			p.mark(s.event, s.departing, nil)
		}
	}
	return nil
}

// decideContests writes the rows of the range that win. Another message that wins does so
// in its own range.
func (p *planner) decideContests(claims map[schemas.EventID][]Claim) {
	c := p.r.Part.Chunk
	for _, one := range p.plan.contests {
		of, version := claims[one.event.id], c.version.values[one.best]
		if len(of) > 0 && of[0].Version > version || ownVersion(one.event, one.top, of) > version {
			continue
		}
		p.write(one.best, one.top.version, one.event)
		p.note(c.sourceOffset.values[one.best], messageChange{change: Restored})
	}
}

// ownVersion is the version of the delivery that made a row. A row that took over has a
// higher one. Then a claim of its message says it, or an older row that no merge has
// removed yet; otherwise it is unknown, and the row keeps the version that it has.
func ownVersion(e *storedEvent, l level, claims []Claim) uint64 {
	if schemas.OwnVersion(l.at, l.version) {
		return l.version
	}
	for _, c := range claims {
		if c.At == l.at {
			return c.Version
		}
	}
	for _, other := range e.levels {
		if other.at == l.at && !other.deleted && schemas.OwnVersion(other.at, other.version) {
			return other.version
		}
	}
	return l.version
}

// choose takes the delivery with the highest version.
func (p *planner) choose(s *search, claims map[schemas.EventID][]Claim) successor {
	var found successor
	if s.best >= 0 {
		found = successor{kind: ownSuccessor, version: p.r.Part.Chunk.version.values[s.best]}
	}
	of := claims[s.event.id]
	for _, claim := range of {
		if p.elsewhere(claim) && !p.unreadable[s.event.id] && (found.kind == noSuccessor || claim.Version > found.version) {
			found = successor{kind: claimedSuccessor, version: claim.Version, claim: claim}
		}
	}
	if s.present >= 0 {
		version := ownVersion(s.event, s.event.levels[s.present], of)
		if found.kind == noSuccessor || version > found.version {
			found = successor{kind: presentSuccessor, version: version}
		}
	}
	return found
}

// elsewhere reports whether a claim is not of a message that this range has decided: the
// range knows better what those give.
func (p *planner) elsewhere(c Claim) bool {
	return !p.mine.has(c.At) || !p.outcomes.decided(c.At.Offset)
}

// readClaims reads the messages of the claims that are chosen, and remembers the events of
// those that are gone.
func (p *planner) readClaims(ctx context.Context, claims map[schemas.EventID][]Claim) (*Chunk, error) {
	chunk := NewChunk()
	var wanted []Claim
	for i := range p.plan.searches {
		if found := p.choose(&p.plan.searches[i], claims); found.kind == claimedSuccessor {
			wanted = append(wanted, found.claim)
		}
	}
	if len(wanted) == 0 {
		return chunk, nil
	}
	if err := p.r.Read(ctx, wanted, chunk); err != nil {
		return nil, err
	}
	there := rowsByEvent(chunk)
	for _, claim := range wanted {
		if _, read := there[claim.EventID]; !read {
			p.unreadable[claim.EventID] = true
		}
	}
	return chunk, nil
}

func rowsByEvent(c *Chunk) map[schemas.EventID]int {
	rows := make(map[schemas.EventID]int, c.rows)
	for row, id := range c.eventID.values[:c.rows] {
		rows[schemas.EventID(id)] = row
	}
	return rows
}

// take plans the successor's row. A row of the range's own chunk may turn out not to be
// the one with the highest version.
func (p *planner) take(s *search, row plannedRow) {
	row.version = max(row.version, s.floor)
	p.plan.writes = append(p.plan.writes, row)
	p.replaces(s.event)
	p.mark(s.event, s.departing, &row.version)
	if row.successorOf != nil && s.best >= 0 {
		p.note(p.r.Part.Chunk.sourceOffset.values[s.best], messageChange{change: Superseded})
	}
}

// keep leaves the departing row that readers see where it is.
func (p *planner) keep(s *search) {
	p.plan.kept++
	p.mark(s.event, s.departing[:len(s.departing)-1], nil)
}
