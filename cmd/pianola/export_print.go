package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/safetext"
)

// printExport prints the summary. Where the file went to standard output, the summary goes
// to standard error.
func (a *app) printExport(m *export.Manifest, asJSON, streamed bool) error {
	switch {
	case !streamed && asJSON:
		return a.printJSON(m)
	case !streamed:
		return a.print(exportText(m))
	}
	a.progress.hide()
	text := exportText(m)
	if asJSON {
		encoded, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return fmt.Errorf("encode result: %w", err)
		}
		text = string(encoded) + "\n"
	}
	_, _ = io.WriteString(a.stderr, safetext.Lines(text)) // as for logs
	return nil
}

// exportText is the summary in a line for each fact.
func exportText(m *export.Manifest) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-16s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("view", "%s", m.View)
	line("to", "%s", printable(m.To))
	switch {
	case m.NothingExported != "":
		line("rows", "0: %s", m.NothingExported)
		return b.String()
	case m.Rows == 0 && m.Deleted == 0 && m.Since == nil:
		line("rows", "0: the view is empty")
	default:
		line("rows", "%d in %s", m.Rows, counted(len(m.Files), "file"))
	}
	if m.Since != nil {
		line("deleted", "%d in %s", m.Deleted, counted(len(m.Deletions), "file"))
	}
	line("size", "%.1f MiB", float64(m.Bytes)/(1<<20))
	line("since", "%s", since(m))
	line("watermark", "%s", m.Watermark)
	for _, c := range []*export.TimeColumn{m.Partition, m.Sync} {
		if c != nil && c.Min != nil {
			line(c.Name, "%s to %s", c.Min, c.Max)
		}
	}
	if m.To != "-" {
		line("manifest", "%s", m.Name)
	}
	return b.String()
}

func since(m *export.Manifest) string {
	switch {
	case m.Since == nil:
		return "the beginning"
	case m.Since.Previous != "":
		return fmt.Sprintf("%s, after %s", m.Since.After, m.Since.Previous)
	default:
		return m.Since.From.String()
	}
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
