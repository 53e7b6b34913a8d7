package diff

import "testing"

// TestReplaceTable_KeepsIDs: an id of a sample may have the text of the placeholder.
func TestReplaceTable_KeepsIDs(t *testing.T) {
	if got := replaceTable("FROM {table} WHERE id = '{table}'", "`a`.`b`"); got != "FROM `a`.`b` WHERE id = '{table}'" {
		t.Error(got)
	}
}
