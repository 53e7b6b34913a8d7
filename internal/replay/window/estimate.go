package window

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

const (
	// minMeasured is how many messages a rate must be measured with.
	minMeasured = 10_000
	// sampleRows is the size of a sample, and of its chunks.
	sampleRows, sampleChunk = 20_000, 5_000
	// sampleTime ends a sample that takes long.
	sampleTime = 5 * time.Second
)

// Estimate adds to a plan how long its execution takes: by the ledger of the latest
// replay, or by a sample of the window that is read and compared.
func (r *Replayer) Estimate(ctx context.Context, plan *Plan) error {
	if plan.Empty() {
		return nil
	}
	rate, source, err := r.lastRate(ctx)
	if err == nil && rate == 0 {
		rate, source, err = r.sample(ctx, plan)
	}
	if err != nil || rate == 0 {
		return err
	}
	if plan.Rate > 0 && plan.Rate < rate {
		rate, source = plan.Rate, "the limit of --rate"
	}
	plan.Estimate = &Estimate{Seconds: float64(plan.Messages) / rate, Rate: rate, Source: source}
	return nil
}

// lastRate is the rate of the latest complete replay that had no limit, or 0. It counts
// the time in which chunks were written, so that a pause of the job does not matter.
func (r *Replayer) lastRate(ctx context.Context) (rate float64, source string, err error) {
	all, err := r.deps.Jobs.List(ctx)
	if err != nil {
		return 0, "", err
	}
	for _, j := range slices.Backward(all) {
		if j.Source != schemas.SourceKafka || j.State != job.Complete || j.Plan.Rate > 0 || !j.Plan.Filter.IsZero() || j.Counts[job.Messages] < minMeasured {
			continue
		}
		var messages, seconds uint64
		ctx := clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"job": j.ID}))
		err := statement.Retry(ctx, r.deps.Log, "read ingest_ledger", ledgerLimit, func(ctx context.Context) error {
			return migrate.Explain(r.deps.Conn.QueryRow(ctx, `SELECT sum(messages), 10 * uniqExact(intDiv(toUnixTimestamp(written_at), 10))
				FROM `+schemas.Options{Database: r.deps.Database}.Table("ingest_ledger")+` WHERE kind = 'replay' AND job_id = {job:String}`).Scan(&messages, &seconds))
		})
		if err != nil || messages == 0 || seconds == 0 {
			return 0, "", err
		}
		return float64(messages) / float64(seconds), "job " + j.ID, nil
	}
	return 0, "", nil
}

// sample reads and compares the first messages of the window.
func (r *Replayer) sample(ctx context.Context, plan *Plan) (rate float64, source string, err error) {
	r.deps.Progress.Report(progress.Step{Name: "measure with a sample"})
	opened, err := r.open(ctx, plan.job.Ranges)
	defer opened.close()
	if err != nil {
		return 0, "", err
	}
	var n int64
	d := r.comparing(opened, job.Plan{Ranges: plan.job.Ranges, Filter: plan.job.Filter}, func(part *sink.Part, _ sink.Changes) {
		n += part.Ledger.NextOffset - part.Ledger.StartOffset
	})
	d.maxRows = min(d.maxRows, sampleChunk)
	d.read = progress.Func(nil).Count("", "", 0)
	d.removed = func(context.Context, job.Range) error { return nil }
	bounded, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	begun := r.deps.Now()
	for _, one := range plan.job.Ranges {
		one.To = min(one.To, one.From+sampleRows-n)
		if one.From >= one.To {
			break
		}
		if err := d.segment(bounded, one); errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			break
		} else if err != nil {
			return 0, "", err
		}
	}
	elapsed := r.deps.Now().Sub(begun)
	if n == 0 || elapsed <= 0 {
		return 0, "", nil
	}
	return float64(n) / elapsed.Seconds(), fmt.Sprintf("a sample of %d messages, read and compared without writing", n), nil
}
