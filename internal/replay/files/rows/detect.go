package rows

import (
	"bytes"
	"errors"
	"strings"
)

// Format is the format of a file after decompression.
type Format string

// The formats.
const (
	NDJSON  Format = "ndjson"
	CSVFile Format = "csv"
	Parquet Format = "parquet"
)

// Formats returns all formats, in the order of the help.
func Formats() []Format { return []Format{NDJSON, CSVFile, Parquet} }

// HeadBytes is how much of a file Detect and DetectDialect look at.
const HeadBytes = 64 << 10

// magics are first bytes of files that cannot be read, with what to do.
var magics = []struct{ start, problem string }{
	{"PARE", "an encrypted Parquet file; decrypt it first"},
	{"PK\x03\x04", "a zip archive; unpack it first. For the subscription log of Piano's console use pianola reconcile --csv"},
	{"PK\x05\x06", "an empty zip archive; unpack it first"},
	{"BZh", "a bzip2 file; unpack it first, or compress it with gzip or zstd"},
	{"\xfd7zXZ\x00", "an xz file; unpack it first, or compress it with gzip or zstd"},
	{"\x04\x22\x4d\x18", "an lz4 file; unpack it first, or compress it with gzip or zstd"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"},
	{"Obj\x01", "an Avro file; convert it to Parquet or NDJSON"},
	{"ORC", "an ORC file; convert it to Parquet or NDJSON"},
	{"ARROW1", "an Arrow file; convert it to Parquet"},
	{"SQLite format 3\x00", "an SQLite database; export the table as CSV"},
	{"\xff\xfe", "text in UTF-16; convert it with iconv -f UTF-16 -t UTF-8"},
	{"\xfe\xff", "text in UTF-16; convert it with iconv -f UTF-16 -t UTF-8"},
}

// Detect returns the format of a file from its head. A file without content is NDJSON
// without rows.
func Detect(head []byte) (Format, error) {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.start)) {
			return "", errors.New(m.problem)
		}
	}
	if bytes.HasPrefix(head, []byte("PAR1")) {
		return Parquet, nil
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(byteOrderMark)), " \t\r\n")
	switch {
	case len(text) == 0, text[0] == '{', len(text) > 5 && text[0] == 0 && text[5] == '{':
		return NDJSON, nil
	case text[0] == '[':
		return "", errors.New("one JSON array; write one object a line, for example with jq -c '.[]'")
	case bytes.IndexByte(text, 0) >= 0:
		return "", errors.New("not a text; give NDJSON, CSV or Parquet, plain or compressed with gzip or zstd")
	}
	return CSVFile, nil
}

// ParseSeparator reads a separator of CSV as a user writes it.
func ParseSeparator(text string) (byte, error) {
	switch strings.ToLower(text) {
	case "tab", `\t`:
		return '\t', nil
	}
	if len(text) != 1 || text[0] >= 0x7f || text[0] == '\n' || text[0] == '\r' || text[0] == '"' || text[0] == '\'' ||
		text[0] == '_' || isAlphanumeric(text[0]) {
		return 0, errors.New("must be one character that is not in names, such as , ; | or tab")
	}
	return text[0], nil
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// ParseQuote reads a quote of CSV as a user writes it; 0 means that nothing is quoted.
func ParseQuote(text string) (byte, error) {
	switch strings.ToLower(text) {
	case `"`, "double":
		return '"', nil
	case "'", "single":
		return '\'', nil
	case "none":
		return 0, nil
	}
	return 0, errors.New(`must be ", ' or none`)
}
