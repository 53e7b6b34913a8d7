package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/safetext"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// LogStored is the log message of a batch that is durable.
const LogStored = "rows stored"

// storing makes the batches of a job durable. The flusher alone uses it.
type storing struct {
	*Loader
	run  *job.Run
	bar  *progress.Counter
	ends []*sink.Part // of files of which all rows are durable
}

// begin sets the progress to the files that earlier runs have finished.
func (s *storing) begin(files []File, remaining []job.Range) {
	var done int64
	for _, f := range files {
		if !slices.ContainsFunc(remaining, func(r job.Range) bool { return r.Name == f.Name }) {
			done += max(f.Stamp.Size, 0)
		}
	}
	s.run.Set(job.Progress, uint64(done))
	s.bar.Add(uint64(done))
}

// store flushes parts, and records it in the job. Rows, dead letters and the ledger are
// durable when it returns.
func (s *storing) store(parts []*part, ended []*lane, bytes int64) error {
	batch := &sink.Batch{}
	counts := job.Counts{}
	for _, p := range parts {
		batch.Parts = append(batch.Parts, &p.Part)
		counts.Add(p.counts())
	}
	// The end of a file is a ledger row of its own, with an empty range. It must not be in
	// the batch of the last rows: of one token and file a reader takes one row.
	batch.Parts = append(batch.Parts, s.ends...)
	s.ends = nil
	for _, l := range ended {
		s.ends = append(s.ends, s.end(l))
	}
	if len(batch.Parts) == 0 {
		return nil
	}
	batch.Token = token(batch.Parts)
	stats, err := s.deps.Writer.Flush(s.run.Writing(), batch)
	if err != nil {
		return fmt.Errorf("store %s: %w", describe(batch.Parts), err)
	}
	refused := uint64(stats.Refused)
	counts.Add(job.Counts{job.Progress: uint64(bytes), job.NewDeadLetters: counts[job.DeadLettered] + refused,
		FilesDone: uint64(len(ended)), Resolved: uint64(stats.Resolved), job.DeadLettered: refused})
	counts[job.Stored] -= refused
	s.bar.Add(uint64(bytes))
	s.deps.Log.Info(LogStored, zap.String("job", s.run.ID()), zap.Int("files", len(parts)), zap.Uint64("messages", counts[job.Messages]),
		zap.Int("rows", stats.Rows), zap.Int("resolved", stats.Resolved), zap.Int("attempts", stats.Attempts), zap.Duration("elapsed", stats.Elapsed))
	return s.run.Done(counts)
}

// storeEnds makes the last ends durable.
func (s *storing) storeEnds() error { return s.store(nil, nil, 0) }

// end is the ledger row that says that the file has no more rows.
func (s *storing) end(l *lane) *sink.Part {
	return &sink.Part{Ledger: schemas.LedgerRow{Source: schemas.SourceFile, Name: l.file.Name, Kind: schemas.LedgerReplay, JobID: s.run.ID(),
		StartOffset: l.rows, NextOffset: l.rows, LastOffset: -1}}
}

// ended are the files of a job that were read to their end.
func (l *Loader) ended(ctx context.Context, id string) (map[string]bool, error) {
	ended := map[string]bool{}
	err := statement.Retry(ctx, l.deps.Log, "read the job's ledger", statementLimit, func(ctx context.Context) error {
		clear(ended)
		return statement.Each(parameters(ctx, "job", id), l.deps.Conn, `SELECT DISTINCT source_name FROM `+l.table("ingest_ledger")+`
			WHERE kind = 'replay' AND source = 'file' AND job_id = {job:String} AND start_offset = next_offset`, func(row driver.Rows) error {
			var name string
			if err := row.Scan(&name); err != nil {
				return err
			}
			ended[name] = true
			return nil
		})
	})
	return ended, err
}

// token names a batch: the same ranges of a job give the same token.
func token(parts []*sink.Part) string {
	hash := sha256.New()
	for _, p := range parts {
		l := &p.Ledger
		fmt.Fprintf(hash, "%s\x1f%s\x1f%d\x1f%d\n", l.JobID, l.Name, l.StartOffset, l.NextOffset)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// describe names the ranges of a batch for an error, at most three.
func describe(parts []*sink.Part) string {
	text := ""
	for i, p := range parts {
		if i == 3 {
			return fmt.Sprintf("%s and %d more", text, len(parts)-3)
		}
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s [%d, %d)", safetext.Name(p.Ledger.Name), p.Ledger.StartOffset, p.Ledger.NextOffset)
	}
	return text
}
