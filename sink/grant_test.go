package sink

import "testing"

func TestMissingGrant(t *testing.T) {
	for text, want := range map[string]string{
		"pianola: Not enough privileges. To execute this query, it's necessary to have the grant CREATE TABLE ON piano.drift. (ACCESS_DENIED)":                          "CREATE TABLE ON piano.drift",
		"u: Not enough privileges. To execute this query, it's necessary to have the grant SELECT(version, `a b`) ON piano.schema_migrations":                           "",
		"u: Not enough privileges. To execute this query, it's necessary to have the grant SELECT(version, name) ON piano.schema_migrations":                            "SELECT(version, name) ON piano.schema_migrations",
		"u: Not enough privileges. To execute this query, it's necessary to have the grant SELECT, DROP TABLE ON piano.*. (Missing permissions: DROP TABLE ON piano.*)": "SELECT, DROP TABLE ON piano.*",
		"u: Not enough privileges. To execute this query, it's necessary to have the grant TABLE ENGINE ON MergeTree":                                                   "TABLE ENGINE ON MergeTree",
		"u: Not enough privileges. To execute this query, it's necessary to have the grant INSERT(a) ON piano.t, value 'person@example.com'":                            "INSERT(a) ON piano.t",
		"u: Not enough privileges. To execute this query, it's necessary to have the grant SHOW TABLES ON piano.schema_migrations":                                      "SELECT ON piano.schema_migrations",
		"Not enough privileges": "",
	} {
		if got := MissingGrant(text); got != want {
			t.Errorf("%s\n got %q, want %q", text, got, want)
		}
	}
}
