package faultproxy

import (
	"regexp"
	"strings"
)

// maxText bounds a statement: ClickHouse's max_query_size. A longer one is passed on
// without a look at it.
const maxText = 256 << 10

// These read the statements that tests send. Text in quotes and comments other than
// at the beginning can mislead them.
var (
	verbPattern = regexp.MustCompile(`^(?s)(?:\s|--[^\n]*\n|/\*.*?\*/)*(\w+)`)
	// A keyword before a table, then the table, perhaps behind its database.
	tablePattern = regexp.MustCompile(`(?is)\b(?:INTO|FROM|TABLE)\s+(?:(?:TABLE|FUNCTION|IF|NOT|EXISTS)\s+)*` +
		"(?:(?:\\w+|`[^`]+`|\"[^\"]+\")\\s*\\.\\s*)?(\\w+|`[^`]+`|\"[^\"]+\")")
	queryPattern = regexp.MustCompile(`(?i)\b(?:SELECT|WITH|WATCH)\b`)
	dataPattern  = regexp.MustCompile(`(?is)\b(?:VALUES\b|FORMAT\s+\w+)`)
)

// verb is the first keyword, in capitals.
func verb(text string) string {
	if found := verbPattern.FindStringSubmatch(text); found != nil {
		return strings.ToUpper(found[1])
	}
	return ""
}

// table is the first table that the text names.
func table(text string) string {
	if found := tablePattern.FindStringSubmatch(text); found != nil {
		return strings.Trim(found[1], "`\"")
	}
	return ""
}

// insertsData reports whether the statement is an INSERT of data, not of a query. head
// is the text before VALUES or FORMAT, inline the data that stands in the text.
func insertsData(text string) (head, inline string, ok bool) {
	head = text
	if at := dataPattern.FindStringIndex(text); at != nil {
		head, inline = strings.TrimSpace(text[:at[0]]), strings.Trim(text[at[1]:], "; \t\r\n")
	}
	return head, inline, verb(text) == "INSERT" && !queryPattern.MatchString(head)
}
