package figures

import (
	"encoding/csv"
	"io"
	"strings"
)

// WriteCSV writes a table by RFC 4180, with names in the first line. A text that a
// spreadsheet would run as a formula gets an apostrophe in front.
func (t *Table) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	line := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		line[i] = column.Name
	}
	if err := out.Write(line); err != nil {
		return err
	}
	for row := range t.Rows {
		for i, column := range t.Columns {
			line[i] = t.Text(row, i)
			if !column.Number() {
				line[i] = harmless(line[i])
			}
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
