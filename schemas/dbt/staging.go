package dbt

import "github.com/pianola/pianola/schemas"

// eventIDExpression is the event id of contract §2, from the columns of a view.
const eventIDExpression = "reinterpretAsUUID(murmurHash3_128(concat(source.subscription_id, char(31), " +
	"toString(toUnixTimestamp64Milli(source.event_timestamp)), char(31), source.subscription_action)))"

const eventIDComment = "The id of the event, as in the table subscription_events: a hash of subscription, time and action"

// hashColumn is selected only where a variable says so: the role pianola_analyst may not
// read it, and then may not create a view with it.
const hashColumn = "user_email_hash_sha256"

// stagingModel selects every column by its name, so that a new column of the view appears
// only with a new version of this file. An absent text is NULL in all of them.
func stagingModel(s source) string {
	var t text
	t.line(0, "-- %s", generated)
	if s.part == always {
		t.line(0, "{{ config(materialized='view') }}")
	} else {
		t.line(0, "{{ config(materialized='view', enabled=var('%s', true) | as_bool) }}", s.part)
	}
	t.line(0, "SELECT")
	if s.event {
		t.line(2, "%s AS event_id,", eventIDExpression)
	}
	for i, c := range s.Columns {
		comma := ","
		if i == len(s.Columns)-1 {
			comma = ""
		}
		switch {
		case c.Name == hashColumn:
			t.line(0, "{%%- if var('pianola_email_hash', false) | as_bool %%}")
			t.line(2, "source.%s AS %s%s", c.Name, c.Name, comma)
			t.line(0, "{%%- endif %%}")
		case emptyWhenAbsent(c):
			t.line(2, "nullIf(source.%s, '') AS %s%s", c.Name, c.Name, comma)
		default:
			t.line(2, "source.%s AS %s%s", c.Name, c.Name, comma)
		}
	}
	t.line(0, "FROM {{ source('pianola', '%s') }} AS source", s.Name)
	return t.String()
}

// emptyWhenAbsent reports whether the column writes an absent text as an empty one.
func emptyWhenAbsent(c schemas.DescribedColumn) bool {
	t := schemas.ParseColumnType(c.Type)
	return t.Name == "String" && !t.Nullable
}

// stagingFile has no tests of what the sources have been tested for.
func stagingFile(all []source) string {
	var t text
	t.line(0, "# %s", generated)
	t.line(0, "version: 2")
	t.line(0, "")
	t.line(0, "models:")
	for _, s := range all {
		if !s.staged() {
			continue
		}
		t.line(1, "- name: %s", s.modelName())
		t.line(2, "description: \"{{ doc('%s') }}\"", s.Name)
		t.line(2, "columns:")
		if s.event {
			t.line(3, "- name: event_id")
			t.line(4, "description: %s", quoted(eventIDComment))
			t.line(4, "data_tests: [unique]")
		}
		for _, c := range s.Columns {
			t.line(3, "- name: %s", c.Name)
			t.line(4, "description: %s", quoted(c.Comment))
		}
	}
	return t.String()
}
