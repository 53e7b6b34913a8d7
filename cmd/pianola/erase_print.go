package main

import (
	"fmt"
	"strings"

	"github.com/pianola/pianola/internal/erasure"
	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/schemas"
)

// eraseResult is the output of both commands.
type eraseResult struct {
	Plan      *erasure.Plan     `json:"plan"`
	Report    *erasure.Report   `json:"report,omitempty"`
	Unreached *unreachedByErase `json:"not_reached,omitempty"`
}

// unreachedByErase is what an erasure cannot delete.
type unreachedByErase struct {
	Kafka     string           `json:"kafka"`
	Backups   string           `json:"backups"`
	Exports   []erasedManifest `json:"exports"`
	Unchecked []string         `json:"exports_not_checked,omitempty"` // destinations that could not be read
}

// erasedManifest is an export that may hold the person.
type erasedManifest struct {
	To        string         `json:"to"`
	Name      string         `json:"manifest"`
	View      string         `json:"view"`
	Watermark export.Instant `json:"watermark"`
}

// eraseText is a plan or a report.
func eraseText(r *eraseResult, width int) string {
	var b strings.Builder
	p := r.Plan
	fmt.Fprintf(&b, "users: %d, subscriptions: %d, hashes of addresses: %d\n", p.Users, p.Subscriptions, p.Addresses)
	if p.Shared > 0 {
		fmt.Fprintf(&b, "%d of their subscriptions or addresses are of other users too: only the rows that name this user are removed\n", p.Shared)
	}
	if p.Resumes != "" {
		fmt.Fprintf(&b, "continues erasure %s, which was interrupted\n", p.Resumes)
	}
	rows := table{titles: []string{"TABLE", "ROWS TO DELETE", "ROWS TO CLEAR"}}
	if r.Report != nil {
		rows.titles = []string{"TABLE", "ROWS"}
		for _, o := range erasedTables(r.Report) {
			rows.row(o, r.Report.Counts[o])
		}
	} else {
		for _, c := range p.Tables {
			rows.row(c.Table, c.Deleted, c.Cleared)
		}
	}
	if (r.Report != nil && len(r.Report.Counts) > 0) || (r.Report == nil && len(p.Tables) > 0) {
		b.WriteString("\n" + rows.render(width))
	} else {
		b.WriteString("no table has a row\n")
	}
	if r.Report != nil {
		fmt.Fprintf(&b, "\nerasure %s complete; a scan of all tables found nothing more; entries on the suppression list: %d\n", r.Report.ID, r.Report.Entries)
		b.WriteString("ClickHouse removes the replaced parts from the disk within minutes (old_parts_lifetime)\n")
	}
	if u := r.Unreached; u != nil {
		fmt.Fprintf(&b, "\nnot reached:\n  %s\n  %s\n", u.Kafka, u.Backups)
		for _, m := range u.Exports {
			fmt.Fprintf(&b, "  %s, %s: files of this manifest may hold the person\n", printable(m.To), printable(m.Name))
		}
		for _, text := range u.Unchecked {
			fmt.Fprintf(&b, "  not checked: %s\n", printable(text))
		}
		if len(u.Exports)+len(u.Unchecked) == 0 {
			b.WriteString("  exports: no manifest in export.schedule and --exports that may hold the person\n")
		}
	}
	if r.Report == nil {
		b.WriteString("\ndry run; add --by, --why and --execute to erase\n")
	}
	return b.String()
}

// erasedTables are the tables of a report in the order of the schema.
func erasedTables(r *erasure.Report) (names []string) {
	objects, err := schemas.Catalogue()
	if err != nil {
		return nil // the command has read it before
	}
	for _, o := range objects {
		if r.Counts[o.Name] > 0 {
			names = append(names, o.Name)
		}
	}
	return names
}
