package statement

import (
	"strconv"
	"strings"
	"time"
)

// textEscaper makes a text the value of a query parameter of type String. ClickHouse parses
// the value as a TabSeparated field.
var textEscaper = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)

// Text is a text from outside as the value of a query parameter {name:String}
// (clickhouse.Parameters). Ids, topics and file names may contain backslashes.
func Text(value string) string { return textEscaper.Replace(value) }

// Texts is a list as the value of a query parameter {name:Array(String)}.
func Texts(values []string) string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = "'" + strings.ReplaceAll(Text(value), "'", `\'`) + "'"
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

// Instant is a time as the value of a parameter DateTime64(3).
func Instant(at time.Time) string {
	return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)
}
