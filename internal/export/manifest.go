package export

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// manifestVersion rises when a field changes its meaning.
const manifestVersion = 1

// Manifest describes a complete export. It is the file that makes the others count.
type Manifest struct {
	Version     int    `json:"manifest_version"`
	Name        string `json:"-"` // of its file
	To          string `json:"-"`
	ID          string `json:"export_id"`
	Database    string `json:"database"`
	View        string `json:"view"`
	Format      Format `json:"format"`
	Month       string `json:"month,omitempty"` // of an export of one month
	PartitionBy string `json:"partition_by,omitempty"`

	StartedAt  Instant `json:"started_at"`
	FinishedAt Instant `json:"finished_at"`
	// Watermark is the server's time before the first row was read.
	Watermark Instant  `json:"watermark"`
	Since     *Earlier `json:"since"` // null for a full export

	Columns   []Column    `json:"columns"`
	Key       []string    `json:"key,omitempty"` // by which a consumer merges
	Partition *TimeColumn `json:"partitioning_column"`
	Sync      *TimeColumn `json:"sync_timestamp"`

	Rows    uint64 `json:"rows"`
	Deleted uint64 `json:"deleted"` // keys in the files of deletions
	Bytes   int64  `json:"bytes"`
	// Deletions are to be applied before the rows of Files.
	Deletions []File `json:"deleted_files"`
	Files     []File `json:"files"`

	// NothingExported is set where there are no rows although there should be. Then no
	// file was kept, and no manifest was written.
	NothingExported string `json:"nothing_exported,omitempty"`
}

// Earlier is where an incremental export begins.
type Earlier struct {
	After    *Instant `json:"after,omitempty"`    // synced_at is later
	From     *Instant `json:"from,omitempty"`     // synced_at is this or later
	Previous string   `json:"previous,omitempty"` // the manifest that it continues
}

// TimeColumn is a column of times and its range in all files of rows.
type TimeColumn struct {
	Name string `json:"name"`
	Range
}

// File is one file of an export.
type File struct {
	Name      string `json:"name"`
	Month     string `json:"month,omitempty"`
	Rows      uint64 `json:"rows"`
	Bytes     int64  `json:"bytes"`
	SHA256    string `json:"sha256"`
	Partition *Range `json:"event_timestamp,omitempty"`
	Sync      *Range `json:"synced_at,omitempty"`
}

// text is the content of the manifest's file.
func (m *Manifest) text() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	return append(text, '\n'), nil
}

// add counts a file. Files without rows are not added.
func (m *Manifest) add(f File, deleted bool) {
	m.Bytes += f.Bytes
	if deleted {
		m.Deleted += f.Rows
		m.Deletions = append(m.Deletions, f)
		return
	}
	m.Rows += f.Rows
	m.Files = append(m.Files, f)
	if m.Partition != nil && f.Partition != nil {
		m.Partition.join(*f.Partition)
	}
	if m.Sync != nil && f.Sync != nil {
		m.Sync.join(*f.Sync)
	}
}

// manifestName is the name of an export's manifest. It names the chain: view, format and
// month.
func (r Request) manifestName(id string) string {
	return fileName(r.View, id, r.Month, false, r.Format) + manifestSuffix
}

// chain matches the manifests of the request's chain.
func (r Request) chain() *regexp.Regexp {
	month := ""
	if r.Month != 0 {
		month = "-" + r.Month.String()
	}
	return regexp.MustCompile("^" + regexp.QuoteMeta(r.View.Alias) + "-" + idForm + month + `\.` + string(r.Format) + regexp.QuoteMeta(manifestSuffix) + "$")
}

// latest returns the newest manifest of the request's chain, or nil. It looks at recent
// names first, because a destination may hold years of files.
func (r Request) latest(ctx context.Context, from Destination, database string, now time.Time) (*Manifest, error) {
	now = now.UTC()
	recent := []string{now.Format("20060102"), now.AddDate(0, 0, -1).Format("20060102"), now.Format("200601"), now.AddDate(0, -1, 0).Format("200601"), ""}
	chain := r.chain()
	seen := map[string]bool{}
	for _, prefix := range recent {
		names, err := from.List(ctx, r.View.Alias+"-"+prefix)
		if err != nil {
			return nil, err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return seen[name] || !chain.MatchString(name) })
		slices.Sort(names)
		for _, name := range slices.Backward(names) { // ids sort by time
			seen[name] = true
			m, err := readManifest(ctx, from, name)
			if err != nil {
				return nil, err
			}
			if m.Database == database && m.View == r.View.Name {
				m.To = r.To()
				return m, nil
			}
		}
	}
	return nil, nil
}

// Manifests returns the exports of this database to a destination whose watermark is not
// before a time: those that can have rows written since. to is as in Arguments.
func (e *Exporter) Manifests(ctx context.Context, to string, since time.Time) ([]*Manifest, error) {
	t, err := parseTarget(to)
	if err != nil {
		return nil, err
	}
	if t.directory != "" { // one that does not exist has no exports, but nobody has looked there
		if _, err := os.Stat(t.directory); err != nil {
			return nil, fmt.Errorf("list %s: %w", t.directory, plain(err))
		}
	}
	from, err := e.reader(ctx, t)
	if err != nil {
		return nil, err
	}
	defer from.Discard()
	names, err := from.List(ctx, "")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var all []*Manifest
	for _, name := range names {
		if !strings.HasSuffix(name, manifestSuffix) {
			continue
		}
		m, err := readManifest(ctx, from, name)
		if err != nil {
			return nil, err
		}
		if m.Database == e.tables.Database && !m.Watermark.Time().Before(since) {
			m.To = t.name()
			all = append(all, m)
		}
	}
	return all, nil
}

func readManifest(ctx context.Context, from Destination, name string) (*Manifest, error) {
	text, err := from.Read(ctx, name)
	if err != nil {
		return nil, err
	}
	m := &Manifest{Name: name}
	if err := json.Unmarshal(text, m); err != nil || m.Version != manifestVersion || m.Watermark.Time().IsZero() || m.ID == "" || !strings.Contains(name, m.ID) {
		return nil, fmt.Errorf("manifest %s is damaged or of another version; move it away, and the next export with --since last begins with everything", name)
	}
	return m, nil
}
