package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/pianola/pianola/internal/trial/harness"
)

// row is the results of all runs of one trial with one broker.
type row struct {
	trial, fault string
	kafka        harness.Kafka
	seeds        []string
	times, messages, lost, doubled, wrong, findings,
	broken int
}

// tabulate adds up the results of each trial's runs, in the order of their first run.
func tabulate(results []harness.Result) []row {
	var rows []row
	at := map[string]int{}
	for _, r := range results {
		key := r.Trial + "/" + string(r.Kafka)
		i, known := at[key]
		if !known {
			i = len(rows)
			at[key] = i
			rows = append(rows, row{trial: r.Trial, fault: r.Fault, kafka: r.Kafka})
		}
		t := &rows[i]
		t.seeds = append(t.seeds, fmt.Sprint(r.Seed))
		t.times, t.messages = t.times+r.Times, t.messages+r.Messages
		t.lost, t.doubled, t.wrong, t.findings = t.lost+r.Lost, t.doubled+r.Doubled, t.wrong+r.Wrong, t.findings+r.Findings
		if !r.Holds {
			t.broken++
		}
	}
	return rows
}

// writeTable writes the rows as a table in Markdown.
func writeTable(w io.Writer, rows []row) error {
	var b strings.Builder
	b.WriteString("| trial | what is done | broker | seeds | times | messages | lost | doubled in the views | wrong | audit findings | runs that hold |\n" +
		"|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %d | %d | %d | %d | %d | %d of %d |\n",
			r.trial, r.fault, r.kafka, strings.Join(r.seeds, ", "), r.times, r.messages, r.lost, r.doubled, r.wrong, r.findings,
			len(r.seeds)-r.broken, len(r.seeds))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}
