package faultproxy

import (
	"regexp"
	"strings"
)

// maxText is ClickHouse's max_query_size. The proxy does not see a longer query packet.
const maxText = 256 << 10

// Statement is what a control function decides by.
type Statement struct {
	Database string // of the connection or the request
	Verb     string // the first keyword, in capitals: INSERT, SELECT, ALTER
	Table    string // the first table, without database and quotes; may be empty
	Text     string // without the data of an INSERT
}

// These patterns fit the statements that tests send. Quoted text can mislead them, and
// so can comments that are not at the beginning.
var (
	verbPattern = regexp.MustCompile(`^(?s)(?:\s|--[^\n]*\n|/\*.*?\*/)*(\w+)`)
	// A keyword before a table, then the table, perhaps behind its database.
	tablePattern = regexp.MustCompile(`(?is)\b(?:INTO|FROM|TABLE)\s+(?:(?:TABLE|FUNCTION|IF|NOT|EXISTS)\s+)*` +
		"(?:(?:\\w+|`[^`]+`|\"[^\"]+\")\\s*\\.\\s*)?(\\w+|`[^`]+`|\"[^\"]+\")")
	queryPattern = regexp.MustCompile(`(?i)\b(?:SELECT|WITH)\b`)
	dataPattern  = regexp.MustCompile(`(?is)\b(?:VALUES\b|FORMAT\s+\w+).*`)
)

// parse also reports whether the statement is an INSERT of data, not of a query.
func parse(text string) (s Statement, data bool) {
	s.Text = text
	if found := verbPattern.FindStringSubmatch(text); found != nil {
		s.Verb = strings.ToUpper(found[1])
	}
	if found := tablePattern.FindStringSubmatch(text); found != nil {
		s.Table = strings.Trim(found[1], "`\"")
	}
	head := dataPattern.ReplaceAllLiteralString(text, "")
	if data = s.Verb == "INSERT" && !queryPattern.MatchString(head); data {
		s.Text = strings.TrimSpace(head)
	}
	return s, data
}
