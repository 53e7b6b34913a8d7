package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/sink"
)

// jobsText is a line for each job.
func jobsText(listed []*job.Job, total, width int) string {
	if total == 0 {
		return "no jobs\n"
	}
	jobs := table{titles: []string{"JOB", "SOURCE", "STATE", "STARTED", "FINISHED", "DONE", "MESSAGES", "NEW DEAD LETTERS", "ON", "PROBLEM"}}
	for _, j := range listed {
		problem := j.Problem
		if problem == "" {
			problem = "-"
		}
		jobs.row(j.ID, string(j.Source), stateText(j), timeText(&j.StartedAt), timeText(j.FinishedAt), fmt.Sprintf("%d%%", j.Percent()),
			j.Counts[job.Messages], j.Counts[job.NewDeadLetters], printable(j.Instance), printable(problem))
	}
	text := jobs.render(width)
	if len(listed) < total {
		text += fmt.Sprintf("\nthe latest %d of %d; --limit 0 lists all\n", len(listed), total)
	}
	return text
}

func stateText(j *job.Job) string {
	if j.CancelRequested {
		return "running, canceling"
	}
	return string(j.State)
}

// jobText is one job in full.
func jobText(j *job.Job, width int) string {
	var fields table
	row := func(name, value string) { fields.row(name, value) }
	row("job", j.ID)
	row("source", string(j.Source))
	row("state", stateText(j))
	row("started", timeText(&j.StartedAt))
	row("finished", timeText(j.FinishedAt))
	row("last record", timeText(&j.WrittenAt)+", by "+printable(j.Instance))
	row("done", fmt.Sprintf("%d of %d (%d%%)", j.Counts[job.Progress], j.Planned, j.Percent()))
	if j.Problem != "" {
		row("problem", printable(j.Problem))
	}
	if !j.Plan.Filter.IsZero() {
		row("filter", printable(j.Plan.Filter.String()))
	}
	if j.Plan.Rate > 0 {
		row("rate", rateText(j.Plan.Rate)+" messages/s at most")
	}
	if limit := j.Plan.MaxErrors; limit != nil {
		row("max errors", fmt.Sprint(*limit))
	}
	var b strings.Builder
	b.WriteString(fields.render(0))
	b.WriteString("\n" + countsText(j))
	b.WriteString("\nrules:\n" + rulesText(j.Rules))
	b.WriteString("\nranges:\n")
	for i, r := range j.Plan.Ranges {
		if i == maxRanges {
			fmt.Fprintf(&b, "  and %d more (--json lists all)\n", len(j.Plan.Ranges)-i)
			break
		}
		fmt.Fprintf(&b, "  %s\n", printable(r.String()))
	}
	b.WriteString(nextStep(j))
	return b.String()
}

// maxRanges is how many ranges a text has.
const maxRanges = 50

// nextStep is what an operator can do with a job.
func nextStep(j *job.Job) string {
	switch j.State {
	case job.Stopped, job.Failed, job.Interrupted:
		return fmt.Sprintf("\nresume with pianola replay resume %s, or end it with pianola replay cancel %s\n", j.ID, j.ID)
	case job.Running:
		return fmt.Sprintf("\nend it with pianola replay cancel %s\n", j.ID)
	}
	return ""
}

// jobSummary is the result of a job that has ended.
func jobSummary(j *job.Job, _ int) string {
	return fmt.Sprintf("job %s: %s, %d of %d done\n\n", j.ID, stateText(j), j.Counts[job.Progress], j.Planned) + countsText(j)
}

// countsText is the outcomes of a job's messages, the changes, and what else it counts.
func countsText(j *job.Job) string {
	changes := map[sink.Change]uint64{}
	for change := range changeTexts() {
		changes[change] = j.Counts[string(change)]
	}
	others := table{right: true}
	for _, name := range slices.Sorted(maps.Keys(j.Counts)) {
		if _, isChange := changes[sink.Change(name)]; isChange || slices.Contains(outcomeNames, name) || j.Counts[name] == 0 {
			continue
		}
		others.row("  "+strings.ReplaceAll(name, "_", " "), j.Counts[name])
	}
	text := outcomesText(j.Counts) + changesText(changes)
	if len(others.rows) > 0 {
		text += "\nalso:\n" + leftTitles(others)
	}
	return text
}

// outcomeNames are the counts that outcomesText shows, and the progress.
var outcomeNames = []string{job.Messages, job.Stored, job.Filtered, job.DeadLettered, job.Skipped, job.Progress}
