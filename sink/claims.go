package sink

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// ClaimsTable is the working table of jobs that replace.
const ClaimsTable = "replay_claims"

func claimsTable() table {
	return table{name: ClaimsTable, columns: []schemas.Column{
		{Name: "job_id", Type: "String"},
		{Name: "event_id", Type: "UUID"},
		{Name: "version", Type: "UInt64"},
		{Name: "source_name", Type: "LowCardinality(String)"},
		{Name: "source_epoch", Type: "UInt32"},
		{Name: "source_partition", Type: "Int32"},
		{Name: "source_offset", Type: "Int64"},
	}}
}

// MaxClaims bounds the rows of one INSERT of claims.
const MaxClaims = 100_000

// WriteClaims adds what messages of a job's window give by today's rules. Equal claims
// count once, so that a scan of the window may be repeated. All claims must be written
// before Claims is asked. The job drops its partition of replay_claims at its end, for
// which it needs the grant ALTER DELETE on that table.
func (w *Writer) WriteClaims(ctx context.Context, jobID string, claims []Claim) error {
	for batch := range slices.Chunk(claims, MaxClaims) {
		err := w.insertRows(ctx, claimsTable(), "claims:"+rand.Text(), len(batch), func(i int) []any {
			c := &batch[i]
			return []any{jobID, uuid.UUID(c.EventID), c.Version, c.At.Name, c.At.Epoch, c.At.Partition, c.At.Offset}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// maxClaimsEach bounds how many claims on one event are read. Usually there is one.
const maxClaimsEach = 100

// Claims returns the claims on the events of the departures, highest version first,
// without those of the departing messages. It retries as Flush does.
func (w *Writer) Claims(ctx context.Context, jobID string, departures []Departure) (map[schemas.EventID][]Claim, error) {
	found := make(map[schemas.EventID][]Claim)
	if len(departures) == 0 {
		return found, nil
	}
	departing := make(map[Claim]bool, len(departures)) // without version
	for _, d := range departures {
		departing[Claim{EventID: d.EventID, At: d.At}] = true
	}
	err := w.persist(ctx, "read "+ClaimsTable, func(ctx context.Context, _ int) error {
		clear(found)
		table, err := ext.NewTable(keysName, ext.Column("event_id", "UUID"))
		if err != nil {
			return err
		}
		for _, d := range departures {
			if err := table.Append(uuid.UUID(d.EventID)); err != nil {
				return err
			}
		}
		rows, err := w.conn.Query(clickhouse.Context(ctx, clickhouse.WithExternalTable(table)),
			`SELECT DISTINCT event_id, version, source_name, source_epoch, source_partition, source_offset
			FROM `+ClaimsTable+` WHERE job_id = ? AND event_id IN (SELECT event_id FROM `+keysName+`)
			ORDER BY event_id, version DESC, source_name, source_epoch, source_partition, source_offset
			LIMIT ? BY event_id`, jobID, maxClaimsEach)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id uuid.UUID
			c := Claim{At: schemas.Coordinates{Source: schemas.SourceKafka}}
			if err := rows.Scan(&id, &c.Version, &c.At.Name, &c.At.Epoch, &c.At.Partition, &c.At.Offset); err != nil {
				return err
			}
			c.EventID = schemas.EventID(id)
			if !departing[Claim{EventID: c.EventID, At: c.At}] {
				found[c.EventID] = append(found[c.EventID], c)
			}
		}
		return rows.Err()
	})
	return found, err
}
