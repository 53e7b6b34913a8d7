package sink

import (
	"regexp"
	"strings"
)

// missingGrant is the part of ClickHouse's ACCESS_DENIED text that names a
// privilege. It holds names of tables and columns, never values.
var missingGrant = regexp.MustCompile(`necessary to have (?:the )?grant ([A-Z][A-Z ,]*(?:\([\w ,.]+\))? ON [\w*]+(?:\.[\w*]+)?)`)

// MissingGrant returns the privilege that the text of ClickHouse's code 497 asks
// for, such as "SELECT(id) ON piano.drift", or "" where the text names none.
func MissingGrant(text string) string {
	m := missingGrant.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	// EXISTS asks for SHOW TABLES. SELECT includes it, and is what the documentation grants.
	if on, found := strings.CutPrefix(m[1], "SHOW TABLES"); found {
		return "SELECT" + on
	}
	return m[1]
}
