package window

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// LogClaims is the log message before the scan of the whole window.
const LogClaims = "an event moved, looking through the window for other deliveries of events"

// claims know which message of the window gives each event by today's rules. Most jobs
// never ask: only a row whose message gives another event now makes it necessary. Then the
// whole window is read once, and the answers are written to replay_claims.
type claims struct {
	*execution
	// again are the topics for reading while a chunk waits. Its own reader holds memory
	// of its topic, for which another reader of that topic might wait.
	again   topics
	mu      sync.Mutex
	scanned bool
}

func (c *claims) close() { c.again.close() }

// find implements sink.Replacement.Claims.
func (c *claims) find(ctx context.Context, departures []sink.Departure) (map[schemas.EventID][]sink.Claim, error) {
	if err := c.scan(); err != nil {
		return nil, err
	}
	found, err := c.deps.Writer.Claims(ctx, c.run.ID(), departures)
	if err == nil {
		err = c.leaveOut(ctx, departures, found)
	}
	if err != nil {
		return nil, err
	}
	// Without claims the rows would get delete markers, and events would be lost.
	return found, c.run.Confirm(ctx)
}

// leaveOut removes claims of messages that the filter leaves alone. Such a message keeps the
// event under which readers see it: with the claimed event it would be visible twice. One
// that readers do not see may take over, since its own row was merged away.
func (c *claims) leaveOut(ctx context.Context, departures []sink.Departure, found map[schemas.EventID][]sink.Claim) error {
	filter := c.run.Plan().Filter
	var alone []sink.Claim
	for _, d := range departures { // all messages that give an event are selected, or none
		if !filter.Selects([]byte(d.SubscriptionID), []byte(d.SubscriptionAction)) {
			alone = append(alone, found[d.EventID]...)
		}
	}
	shown, err := c.deps.Writer.ShownElsewhere(ctx, alone)
	if err != nil {
		return err
	}
	for _, one := range alone {
		found[one.EventID] = slices.DeleteFunc(found[one.EventID], func(c sink.Claim) bool { return shown[c.At] })
	}
	return nil
}

// scan reads the window, unless that was done. It ends with Reading, since it may take long,
// and continues where an earlier run ended.
func (c *claims) scan() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.scanned {
		return nil
	}
	ctx := c.run.Reading()
	rest, err := c.unclaimed(ctx)
	if err != nil {
		return err
	}
	c.again.close() // of an earlier attempt
	if c.again, err = c.open(ctx, rest); err != nil {
		return err
	}
	c.deps.Log.Info(LogClaims, zap.String("job", c.run.ID()))
	total := uint64(0)
	for _, r := range rest {
		total += uint64(r.To - r.From)
	}
	shown, end := c.shown.Interrupt("look for other deliveries of events", "messages", total)
	defer end()
	scan := func(ctx context.Context, s job.Range) error { return c.scanPartition(ctx, s, shown) }
	if err := eachSegment(ctx, rest, scan); err != nil {
		return fmt.Errorf("look for other deliveries: %w", err)
	}
	c.scanned = true
	return nil
}

// maxTorn is how many of the last claims of a partition may be incomplete. An insert into a
// cluster that was cut may have reached some shards only. Twice as
// many claims as one INSERT has leave room.
const maxTorn = 2 * sink.MaxClaims

// unclaimed are the ranges of the plan after the last certain claim of each partition. Each
// partition is claimed in the order of its offsets.
func (c *claims) unclaimed(ctx context.Context) ([]job.Range, error) {
	rest := slices.Clone(c.run.Plan().Ranges)
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"job": c.run.ID()}))
	// Where claims are missing, the last ones that are there reach back further.
	query := `SELECT source_name, source_epoch, source_partition, if(count() < ` + strconv.Itoa(maxTorn) + `, -1, min(source_offset)) FROM (
			SELECT DISTINCT source_name, source_epoch, source_partition, source_offset
			FROM ` + schemas.Options{Database: c.deps.Database}.Table(sink.ClaimsTable) + ` WHERE job_id = {job:String}
			ORDER BY source_offset DESC LIMIT ` + strconv.Itoa(maxTorn) + ` BY source_name, source_epoch, source_partition)
		GROUP BY source_name, source_epoch, source_partition`
	err := statement.Retry(ctx, c.deps.Log, "read replay_claims", ledgerLimit, func(ctx context.Context) error {
		return statement.Each(ctx, c.deps.Conn, query, func(row driver.Rows) error {
			var last job.Range
			if err := row.Scan(&last.Name, &last.Epoch, &last.Partition, &last.To); err != nil {
				return err
			}
			for i := range rest {
				if r := &rest[i]; r.Name == last.Name && r.Epoch == last.Epoch && r.Partition == last.Partition {
					r.From = min(max(r.From, last.To), r.To) // -1: everything may be torn
				}
			}
			return nil
		})
	})
	return rest, err
}

// maxClaims is how many claims are written at a time.
const maxClaims = 50_000

// scanPartition writes the claims of the rest of one partition.
func (c *claims) scanPartition(ctx context.Context, s job.Range, shown *progress.Counter) error {
	records := c.again[s.Name].NewRangeReader(s.Partition, s.From, s.To)
	defer records.Close()
	worker := c.deps.Rules.NewWorker()
	var found []sink.Claim
	flush := func() error {
		err := c.deps.Writer.WriteClaims(ctx, c.run.ID(), found)
		found = found[:0]
		return err
	}
	for at := s.From; at < s.To; {
		set, err := records.Next(ctx)
		if err == nil && at == s.From {
			err = c.known.check(ctx, c.again[s.Name], s)
		}
		if err != nil {
			return err
		}
		for part := range slices.Chunk(set.Records, holdRows) {
			if err := c.run.Wait(len(part)); err != nil {
				return err
			}
			for _, record := range part {
				if event := c.event(worker, record); event != nil {
					found = append(found, claimOf(s, event.ID, record))
				}
			}
		}
		worker.Release()
		shown.Add(uint64(set.Next - at))
		at = set.Next
		if len(found) >= maxClaims {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// event is what a record gives, or nil. It is valid until the next call.
func (c *claims) event(worker *transform.Worker, record consumer.Record) *schemas.Event {
	return worker.Apply(record.Value, c.deps.Now()).Event
}

func claimOf(r job.Range, id schemas.EventID, record consumer.Record) sink.Claim {
	at, _ := schemas.RecordTime(record.Timestamp)
	return sink.Claim{EventID: id, Version: schemas.KafkaVersion(at, record.Offset),
		At: schemas.Coordinates{Source: schemas.SourceKafka, Name: r.Name, Epoch: r.Epoch, Partition: r.Partition, Offset: record.Offset}}
}

// read implements sink.Replacement.Read: it reads single messages of the window again.
func (c *claims) read(_ context.Context, all []sink.Claim, to *sink.Chunk) error {
	ctx := c.run.Writing()
	all = slices.SortedFunc(slices.Values(all), func(a, b sink.Claim) int {
		return cmp.Or(cmp.Compare(a.At.Name, b.At.Name), cmp.Compare(a.At.Partition, b.At.Partition), cmp.Compare(a.At.Offset, b.At.Offset))
	})
	worker := c.deps.Rules.NewWorker()
	var at *kafkalog.Cursor
	for i, claim := range all {
		if i == 0 || all[i-1].At.Name != claim.At.Name || all[i-1].At.Partition != claim.At.Partition {
			if at != nil {
				at.Close()
			}
			at = c.again[claim.At.Name].NewCursor(claim.At.Partition)
		}
		record, cause, err := at.Find(ctx, claim.At.Offset)
		if err != nil {
			at.Close()
			return fmt.Errorf("read %s again: %w", claim.At, err)
		}
		if cause != "" {
			continue
		}
		if event := c.event(worker, record); event != nil && event.ID == claim.EventID {
			to.Append(event, claim.At, claim.Version)
		}
	}
	if at != nil {
		at.Close()
	}
	return nil
}
