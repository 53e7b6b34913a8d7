package main

import (
	"fmt"
	"strings"

	"github.com/pianola/pianola/internal/offsets"
)

// maxListed is how many partitions a text names. --json has all.
const maxListed = 10

// offsetsText is the group, a line for each partition, what the next run does where group
// and ledger disagree, and the members.
func offsetsText(r *offsets.Report, width int) string {
	partitions := table{right: true, titles: []string{"PARTITION", "COMMITTED", "LOG START", "LAST STABLE", "LOG END", "LAG", "OPEN TXN", "LEDGER", "NEXT START", "MEMBER"}}
	number := map[string]int{} // of a member in the list below
	for i, m := range r.Members {
		number[m.ID] = i + 1
	}
	var next []forecast
	for _, p := range r.Partitions {
		name := partitionName(p.Topic, p.Partition)
		partitions.row(name, committedText(p.Committed), p.LogStart, p.LastStable, p.LogEnd, p.Lag, p.OpenTransaction, reachedText(p.Ledger), p.Next.Offset, memberText(number, p.Member))
		next = append(next, forecast{name, p.Next})
	}
	var b strings.Builder
	b.WriteString(statusText(r.Status))
	b.WriteString("\n" + partitions.render(width))
	b.WriteString(forecastText("at its next start pianola run", next))
	if len(r.Members) > 0 {
		members := table{titles: []string{"MEMBER", "CLIENT ID", "HOST", "PARTITIONS", ""}}
		for i, m := range r.Members {
			foreign := ""
			if m.Foreign {
				foreign = "another application: its client id is not kafka.client_id"
			}
			members.row(i+1, printable(m.ClientID), printable(m.Host), m.Partitions, foreign)
		}
		b.WriteString("\n" + members.render(width))
	}
	return b.String()
}

// resetText is a plan, or what was done.
func resetText(p *offsets.Plan, width int) string {
	changes := table{right: true, titles: []string{"PARTITION", "FROM", "TO", "LEDGER", "READ AGAIN", "SKIPPED", "NOTE"}}
	var next []forecast
	for _, c := range p.Changes {
		name := partitionName(c.Topic, c.Partition)
		changes.row(name, committedText(c.From), c.To, reachedText(c.Ledger), c.Next.ReadAgain, c.Next.Skipped, noteText(c))
		next = append(next, forecast{name, c.Next})
	}
	var b strings.Builder
	b.WriteString(statusText(p.Status))
	b.WriteString("\n" + changes.render(width))
	b.WriteString(forecastText("with these offsets pianola run", next))
	switch moved := p.Moved(); {
	case moved == 0:
		b.WriteString("\nevery offset is there already\n")
	case p.Executed:
		fmt.Fprintf(&b, "\n%d offsets were set and read back\n", moved)
	case p.Active:
		fmt.Fprintf(&b, "\ndry run; stop every member of the group, then add --execute to set %d offsets\n", moved)
	default:
		fmt.Fprintf(&b, "\ndry run; add --execute to set %d offsets\n", moved)
	}
	return b.String()
}

func statusText(s offsets.Status) string {
	text := fmt.Sprintf("group %s: %s", printable(s.Group), printable(s.State))
	if n := len(s.Members); n > 0 {
		text += fmt.Sprintf(", %d members", n)
	}
	return text + ", coordinator " + printable(s.Coordinator) + "\n"
}

func partitionName(topic string, partition int32) string {
	return printable(fmt.Sprintf("%s/%d", topic, partition))
}

func committedText(offset *int64) string {
	if offset == nil {
		return "-"
	}
	return fmt.Sprint(*offset)
}

func reachedText(l *offsets.Ledger) string {
	if l == nil {
		return "-"
	}
	return fmt.Sprint(l.Reached)
}

func memberText(number map[string]int, id string) string {
	if number[id] == 0 {
		return "-"
	}
	return fmt.Sprint(number[id])
}

// noteText says why an offset is not the one that was asked for.
func noteText(c offsets.Change) string {
	switch c.Note {
	case "":
		if !c.Moves() {
			return "unchanged"
		}
		return ""
	case offsets.BelowLogStart:
		return "moved up to the log start"
	case offsets.BeyondLogEnd:
		return "moved down to the log end"
	case offsets.NoLaterRecord:
		return "no later record: log end"
	case offsets.NotInLedger:
		return "not in the ledger: log start"
	case offsets.OtherTopic:
		return "topic was recreated: log start"
	default:
		return string(c.Note)
	}
}

// forecast is the next run of one partition.
type forecast struct {
	name string
	next offsets.Next
}

// forecastText explains what the next run does, a paragraph for each verdict. It is empty
// when every partition just continues.
func forecastText(subject string, all []forecast) string {
	var b strings.Builder
	for _, v := range []offsets.Verdict{offsets.ReadsAgain, offsets.LosesMoved, offsets.SkipsUnnoticed, offsets.LosesRetained, offsets.LosesRecreated} {
		var names []string
		var count int64
		for _, one := range all {
			if one.next.Verdict == v {
				names = append(names, one.name)
				count += one.next.Offsets()
			}
		}
		if len(names) > 0 {
			fmt.Fprintf(&b, "\n%s %s\n  in %s\n", subject, verdictText(v, count), listed(names))
		}
	}
	return b.String()
}

// verdictText says what happens to the offsets of a verdict, and what to do about it.
func verdictText(v offsets.Verdict, count int64) string {
	const stops = "and stops, unless consumer.on_data_loss is continue"
	switch v {
	case offsets.ReadsAgain:
		return fmt.Sprintf("reads %d offsets again that the ledger accounts for; this is harmless, because each event replaces its own row", count)
	case offsets.LosesMoved:
		return fmt.Sprintf(`skips %d offsets that the ledger does not account for
  it reports them as lost (offset_moved) %s
  to read them: pianola offsets reset --from-ledger --execute
  to accept the loss: run once with consumer.on_data_loss=continue, ingest_ledger then names them`, count, stops)
	case offsets.SkipsUnnoticed:
		return fmt.Sprintf(`skips %d offsets without a report, because the ledger has no row to compare with
  to read them: pianola offsets reset --from-ledger --execute
  if the tables should have rows of this topic, check clickhouse.database`, count)
	case offsets.LosesRetained:
		return fmt.Sprintf(`misses %d offsets that retention removed before they were read
  it reports them as lost (retention) %s`, count, stops)
	case offsets.LosesRecreated:
		return "finds a recreated topic, or a truncated log\n" +
			"  it reports the loss (topic_recreated) " + stops + "; then it reads from the log start"
	default:
		return string(v)
	}
}

// listed joins names, at most maxListed of them.
func listed(names []string) string {
	text := strings.Join(names[:min(len(names), maxListed)], ", ")
	if n := len(names) - maxListed; n > 0 {
		text += fmt.Sprintf(" and %d more partitions (--json lists all)", n)
	}
	return text
}
