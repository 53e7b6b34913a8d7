package dbt

import (
	"strings"

	"github.com/pianola/pianola/schemas"
)

// docsFile has a block for each source and each model of a mart, and the overview of the
// project.
func docsFile(all []source, models []mart) string {
	var t text
	t.line(0, "{# %s #}", generated)
	t.line(0, "{%% docs __pianola__ %%}")
	t.line(0, "# Pianola")
	t.line(0, "")
	t.line(0, "Piano's subscriber events in ClickHouse, each once. Sources are the deduplicating views and the marts. Staging models have the same columns as the views, with NULL for every absent text, and event_id. The models of marts compute the same rows as the marts.")
	t.line(0, "")
	t.line(0, "| source | model | content |")
	t.line(0, "|---|---|---|")
	for _, s := range all {
		model := s.Name
		if s.staged() {
			model = s.modelName()
		}
		t.line(0, "| %s | %s | %s |", s.Name, model, s.Comment)
	}
	t.line(0, "")
	t.line(0, "All times are UTC. synced_at is the sync timestamp, event_timestamp the time of the event.")
	t.line(0, "{%% enddocs %%}")
	block := func(o schemas.Object, f fact) {
		t.line(0, "")
		t.line(0, "{%% docs %s %%}", o.Name)
		t.line(0, "%s.", strings.TrimSuffix(o.Comment, "."))
		if f.about != "" {
			t.line(0, "")
			t.line(0, "%s", f.about)
		}
		t.line(0, "{%% enddocs %%}")
	}
	for _, s := range all {
		block(s.Object, s.fact)
	}
	for _, m := range models {
		if m.leftOut != "" { // its model is no source
			block(m.Object, m.fact)
		}
	}
	return t.String()
}

// exposure is what reads the views outside of dbt.
type exposure struct {
	name, label, description string
	views                    []string
}

func exposures(all []source) []exposure {
	var every []string // but those that an installation may turn off: they would turn off the exposure
	for _, s := range all {
		if s.part == always && s.staged() { // no mart is exported
			every = append(every, s.Name)
		}
	}
	return []exposure{
		{"pianola_export", "Files for partners", "Parquet, CSV and NDJSON files that `pianola export` and its schedule deliver.", every},
		{"pianola_reconcile", "Reconciliation", "`pianola reconcile` compares the state from events with Piano's API. Its differences are in the table drift.",
			[]string{"subscription_state", "piano_api_subscriptions"}},
	}
}

func exposuresFile(all []source) string {
	var t text
	t.line(0, "# %s", generated)
	t.line(0, "version: 2")
	t.line(0, "")
	t.line(0, "exposures:")
	for _, e := range exposures(all) {
		t.line(1, "- name: %s", e.name)
		t.line(2, "label: %s", e.label)
		t.line(2, "type: application")
		t.line(2, "maturity: high")
		t.line(2, "description: %s", quoted(e.description))
		t.line(2, "owner: {name: The operators of Pianola}")
		if conditions := parts(all, e.views); conditions != "" {
			t.line(2, "config: {enabled: \"{{ %s }}\"}", conditions)
		}
		t.line(2, "depends_on:")
		for _, view := range e.views {
			t.line(3, "- source('pianola', '%s')", view)
		}
	}
	return t.String()
}

// parts is the condition that everything that the views need is turned on.
func parts(all []source, views []string) string {
	var conditions []string
	seen := map[part]bool{always: true}
	for _, view := range views {
		for _, s := range all {
			if s.Name == view && !seen[s.part] {
				seen[s.part] = true
				conditions = append(conditions, "var('"+string(s.part)+"', true) | as_bool")
			}
		}
	}
	return strings.Join(conditions, " and ")
}
