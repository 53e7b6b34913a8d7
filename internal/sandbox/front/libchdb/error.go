package libchdb

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Error is an exception of the engine.
type Error struct {
	Code    int    // ClickHouse's error code; 1001 (STD_EXCEPTION) where the text has none
	Name    string // UNKNOWN_TABLE and the like
	Message string // the text without code and name; it can quote data
}

// Error gives the text as ClickHouse writes it.
func (e *Error) Error() string {
	return fmt.Sprintf("Code: %d. DB::Exception: %s (%s)", e.Code, e.Message, e.Name)
}

// The engine reports "Code: 60. DB::Exception: Unknown table … (UNKNOWN_TABLE)",
// which may be followed by a version; a second "Code: …" can be nested inside.
var (
	codePattern = regexp.MustCompile(`(?s)^\s*(?:Error: )?Code: (\d+)\. (?:DB::Exception: )?(.*)$`)
	namePattern = regexp.MustCompile(`(?s)^(.*?)\s*\(([A-Z][A-Z0-9_]+)\)(?: \(version .*\))?\s*$`)
)

func parseError(text string) *Error {
	e := &Error{Code: 1001, Name: "STD_EXCEPTION", Message: strings.TrimSpace(text)}
	m := codePattern.FindStringSubmatch(text)
	if m == nil {
		return e
	}
	e.Name, e.Message = "DB::Exception", strings.TrimSpace(m[2])
	if code, err := strconv.Atoi(m[1]); err == nil {
		e.Code = code
	}
	if n := namePattern.FindStringSubmatch(e.Message); n != nil {
		e.Message, e.Name = n[1], n[2]
	}
	return e
}
