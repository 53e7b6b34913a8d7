package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/replay/files"
)

// maxFiles is how many files a text has.
const maxFiles = 50

// filesText is a line for each file, the rules, and the estimate.
func filesText(p *files.Plan, width int) string {
	var b strings.Builder
	if len(p.Problems) > 0 {
		problems := table{titles: []string{"FILE", "CANNOT BE READ"}}
		for _, one := range p.Problems {
			problems.row(printable(one.Name), printable(one.Text))
		}
		b.WriteString(problems.render(width) + "\n")
	}
	if len(p.Files) == 0 {
		return b.String() + "no files to load\n"
	}
	list := table{titles: []string{"FILE", "FORMAT", "COMPRESSION", "SIZE", "ROWS", "FIRST EVENT", "COLUMNS", "DIALECT"}}
	for i, f := range p.Files {
		if i == maxFiles {
			break
		}
		list.row(printable(f.Name), string(f.Format), string(f.Compression), byteText(f.Stamp.Size), rowsText(f.Rows), timeText(f.FirstEvent), columnsText(f), dialectText(f))
	}
	b.WriteString(list.render(width))
	if more := len(p.Files) - maxFiles; more > 0 {
		fmt.Fprintf(&b, "and %d more; --json lists all\n", more)
	}
	fmt.Fprintf(&b, "\n%d files, %s", len(p.Files), byteText(int64(p.Bytes)))
	if p.Rows > 0 {
		fmt.Fprintf(&b, ", %d rows of Parquet", p.Rows)
	}
	b.WriteString("; read " + strconv.Itoa(p.Parallel) + " at a time, in this order\n")
	for _, f := range p.Files {
		if len(f.Columns.Ignored) > 0 {
			fmt.Fprintf(&b, "ignored columns of %s: %s\n", printable(f.Name), printable(strings.Join(f.Columns.Ignored, ", ")))
			break // the others are mostly alike; --json has all
		}
	}
	b.WriteString("\nrules:\n" + rulesText(p.Rules))
	if p.Filter != "" {
		fmt.Fprintf(&b, "\nfilter: %s\n", printable(p.Filter))
	}
	if e := p.Estimate; e != nil {
		fmt.Fprintf(&b, "\nestimated duration: %s, at %s/s (%s)\n", roughly(time.Duration(e.Seconds*float64(time.Second))), byteText(int64(e.Rate)), printable(e.Source))
	}
	return b.String()
}

func rowsText(n *int64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(*n, 10)
}

func columnsText(f files.File) string {
	if len(f.Columns.Known) == 0 {
		return "-"
	}
	if n := len(f.Columns.Ignored); n > 0 {
		return fmt.Sprintf("%d, %d ignored", len(f.Columns.Known), n)
	}
	return strconv.Itoa(len(f.Columns.Known))
}

func dialectText(f files.File) string {
	switch {
	case f.Dialect == nil:
		return "-"
	case f.DialectStated:
		return f.Dialect.String() + " (stated)"
	}
	return f.Dialect.String() + " (detected)"
}

// byteText is a size with a unit.
func byteText(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
