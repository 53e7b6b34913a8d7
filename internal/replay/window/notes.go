package window

import (
	"fmt"
	"strings"
	"time"
)

// maxListed is how many partitions a note names.
const maxListed = 5

// note adds a note.
func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// where lists the partitions of which something holds, and how many there are.
func (p *Plan) where(holds func(Partition) bool, describe func(Partition) string) (text string, n int) {
	var all []string
	for _, one := range p.Partitions {
		if holds(one) {
			all = append(all, describe(one))
		}
	}
	text = strings.Join(all[:min(len(all), maxListed)], ", ")
	if more := len(all) - maxListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text, len(all)
}

// explain adds what an operator must know about the window, and what to do about it.
func (p *Plan) explain(w Window, group string, now time.Time) {
	if w.To.After(now) {
		p.note("--to is in the future; the window ends at the end of the log as it is now")
	}
	if list, n := p.where(func(one Partition) bool { return one.pastEnd }, func(one Partition) string { return fmt.Sprintf("%s at %d", one.name(), one.LogEnd) }); n > 0 && !w.byTime() {
		p.note("--to-offsets is past the end of the log, where the window ends: %s", list)
	}
	if list, n := p.where(func(one Partition) bool { return one.unstable > 0 }, func(one Partition) string {
		return fmt.Sprintf("%s from offset %d (%d offsets)", one.name(), one.LastStable, one.unstable)
	}); n > 0 {
		p.note("a transaction is open, and what follows its first message is not part of the window: %s; plan again when it has ended, or find its producer with kafka-transactions.sh find-hanging", list)
	}
	for _, form := range []timeForm{withoutTime, otherUnit} {
		if list, n := p.where(func(one Partition) bool { return one.timeForm == form }, Partition.name); n > 0 {
			p.note("the records have %s, and Kafka finds records by milliseconds: %s; check the times of the plan, or use --from-offsets", form, list)
		}
	}
	if p.Removed > 0 {
		upTo := ""
		if w.byTime() {
			upTo = "up to "
		}
		p.note("retention has removed %s%d messages of the window from Kafka; what the tables have of them stays as it is", upTo, p.Removed)
	}
	if p.NotConsumed > 0 {
		p.note("group %s has not consumed %d of the messages; pianola run will write them too, by the rules it runs with: restart it with the rules of this plan first", group, p.NotConsumed)
	}
	if p.Empty() {
		list, _ := p.where(func(Partition) bool { return true }, func(one Partition) string {
			return fmt.Sprintf("%s [%d, %d)", one.name(), one.LogStart, one.LogEnd)
		})
		p.note("the window has no messages; Kafka has the offsets %s", list)
	}
}
