package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/pianola/pianola/internal/replay"
)

// redriveText is a plan or a result as a table, then what is gone and why.
func redriveText(r *replay.Report) string {
	if r.Letters == 0 {
		return "no open dead letters\n"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if r.Executed {
		fmt.Fprintln(w, "TOPIC\tREASON\tDEAD LETTERS\tSTORED\tFILTERED\tSKIPPED\tRESOLVED ELSEWHERE\tFAILED AGAIN\tGONE\tUNREAD")
	} else {
		fmt.Fprintln(w, "TOPIC\tREASON\tDEAD LETTERS\tTO READ\tGONE")
	}
	for _, g := range r.Groups {
		fmt.Fprintf(w, "%s\t%s\t%d\t", printable(g.Topic), printable(string(g.Reason)), g.Letters)
		if r.Executed {
			fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%d\n", g.Stored, g.Filtered, g.Skipped, g.Elsewhere, g.Failed, g.Gone, g.Unread)
		} else {
			fmt.Fprintf(w, "%d\t%d\n", g.ToRead(), g.Gone)
		}
	}
	_ = w.Flush() // into memory
	if len(r.Gone) > 0 {
		b.WriteString("\ngone, so that nobody can read them again:\n")
	}
	for _, one := range r.Gone {
		fmt.Fprintf(&b, "  %d %s\n", one.Letters, one.Cause)
	}
	switch {
	case !r.Executed:
		b.WriteString("\nthis is the plan; add --execute to do it\n")
	case !r.Complete:
		b.WriteString("\nit ended early; what was done is durable, and the same command goes on from here\n")
	case r.Open > 0:
		fmt.Fprintf(&b, "\n%d dead letters stay open\n", r.Open)
	}
	return b.String()
}
