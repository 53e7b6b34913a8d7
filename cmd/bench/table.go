package main

import (
	"fmt"
	"io"
	"strings"
)

// writeTable writes a table in Markdown.
func writeTable(w io.Writer, header []string, rows [][]string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|---|%s\n", strings.Join(header, " | "), strings.Repeat("---:|", len(header)-1))
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}
