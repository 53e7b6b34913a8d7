package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pianola/pianola/internal/safetext"
)

// printable is a text from outside (ids, file names, payloads) that cannot move the cursor
// or break a table.
func printable(text string) string { return safetext.Cell(text) }

const (
	columnGap = "  "
	minColumn = 10 // a text column is not cut below this
)

// table is a result in rows and columns. The first column identifies the row.
type table struct {
	titles []string // may be absent
	rows   [][]string
	right  bool // align to the right, for numbers
	indent string
}

func (t *table) row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	t.rows = append(t.rows, row)
}

// render lays the table out. Width 0 is unlimited. A table that is too wide loses
// text at the end of its widest columns; when that does not suffice, each row
// becomes a block of lines.
func (t *table) render(width int) string {
	widths := t.widths()
	if width > 0 && !t.shrink(widths, width) {
		return t.blocks(width)
	}
	var b strings.Builder
	for _, row := range t.all() {
		line := t.indent
		for i, c := range row {
			c = cut(c, widths[i])
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i > 0 {
				line += columnGap
			}
			if t.right {
				line += padding + c
			} else {
				line += c + padding
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// all is the titles and the rows.
func (t *table) all() [][]string {
	if t.titles == nil {
		return t.rows
	}
	return append([][]string{t.titles}, t.rows...)
}

// widths is the width of each column.
func (t *table) widths() []int {
	var widths []int
	for _, row := range t.all() {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	return widths
}

// shrink reduces the widest text columns until the table fits, and reports whether
// it does. The first column is not cut: other commands take its values.
func (t *table) shrink(widths []int, width int) bool {
	excess := len(t.indent) + len(columnGap)*(len(widths)-1) - width
	for _, w := range widths {
		excess += w
	}
	for ; excess > 0; excess-- {
		widest := 0
		for i := 1; i < len(widths); i++ {
			if t.flexible(i) && widths[i] > minColumn && (widest == 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest == 0 {
			return false
		}
		widths[widest]--
	}
	return true
}

// flexible reports whether a column holds text, which is readable in part: numbers
// and times are not.
func (t *table) flexible(column int) bool {
	return slices.ContainsFunc(t.rows, func(row []string) bool {
		return column < len(row) && strings.ContainsFunc(row[column], unicode.IsLetter)
	})
}

// blocks writes each row as its first cell and, below it, title and value of the
// others, as many in a line as fit.
func (t *table) blocks(width int) string {
	var b strings.Builder
	for _, row := range t.rows {
		b.WriteString(t.indent + row[0] + "\n")
		line := ""
		for i, c := range row[1:] {
			field := c
			if i+1 < len(t.titles) {
				field = t.titles[i+1] + " " + c
			}
			switch {
			case line == "":
				line = t.indent + columnGap + field
			case utf8.RuneCountInString(line)+len(columnGap)+utf8.RuneCountInString(field) > width:
				b.WriteString(line + "\n")
				line = t.indent + columnGap + field
			default:
				line += columnGap + field
			}
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// cut shortens a text to a width, with an ellipsis in place of the rest.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(width-1, 0)]) + "…"
}
