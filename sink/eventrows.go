package sink

import (
	"context"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// event is one row as an event. It borrows the bytes of the chunk.
func (c *Chunk) event(row int) schemas.Event {
	instant := func(col *nullInt64Column) schemas.NullMillis {
		return schemas.NullMillis{Millis: schemas.Millis(col.values[row]), Valid: col.nulls[row] == 0}
	}
	return schemas.Event{
		ID:                 schemas.EventID(c.eventID.values[row]),
		SubscriptionID:     c.subscriptionID.values.RowBytes(row),
		UserID:             c.userID.values.RowBytes(row),
		EventTimestamp:     schemas.Millis(c.eventTimestamp.values[row]),
		SubscriptionAction: c.action.row(row),
		EventName:          c.eventName.row(row),
		ResourceName:       c.resourceName.row(row),
		NextBilledAt:       instant(&c.nextBilledAt),
		BillingPeriod:      c.billingPeriod.row(row),
		TermType:           c.termType.row(row),
		TermName:           c.termName.row(row),
		TransactionValue: schemas.NullDecimal4{Decimal4: schemas.Decimal4(c.transactionValue.values[row]),
			Valid: c.transactionValue.nulls[row] == 0},
		TrialPeriodEndedAt: instant(&c.trialEndedAt),
		TrialDuration:      c.trialDuration.row(row),
		BillingCountryCode: c.countryCode.row(row),
		SubscriptionPeriodNumber: schemas.NullInt32{Int32: c.periodNumber.values[row],
			Valid: c.periodNumber.nulls[row] == 0},
		PaymentMode:             c.paymentMode.row(row),
		UpgradeToSubscriptionID: c.upgradeTo.values.RowBytes(row),
		UserEmailHashSHA256:     c.emailHash.values.RowBytes(row),
		IsInternalUser:          c.isInternalUser.values[row],
		ExperienceName:          c.experienceName.row(row),
		SubscriptionActionRaw:   c.actionRaw.row(row),
	}
}

// storedColumns are the content columns as they are scanned: absent texts are empty, and
// instants and amounts are whole numbers.
func storedColumns() string {
	var all []string
	for _, c := range contentColumns() {
		expression := c.Name
		switch {
		case strings.Contains(c.Type, "DateTime64"):
			expression = "toUnixTimestamp64Milli(" + c.Name + ")"
		case strings.Contains(c.Type, "Decimal"):
			expression = "reinterpretAsInt64(" + c.Name + ")"
		case strings.Contains(c.Type, "String"):
			expression = "toString(ifNull(" + c.Name + ", ''))"
		}
		all = append(all, expression)
	}
	return strings.Join(all, ", ")
}

// storedContent are the destinations of storedColumns.
type storedContent struct {
	texts                          [15]string
	at                             int64
	nextBilled, trialEnded, amount *int64
	periodNumber                   *int32
	internal                       bool
}

func (s *storedContent) destinations() []any {
	t := &s.texts
	return []any{&t[0], &t[1], &s.at, &t[2], &t[3], &t[4], &s.nextBilled, &t[5], &t[6], &t[7], &s.amount, &s.trialEnded,
		&t[8], &t[9], &s.periodNumber, &t[10], &t[11], &t[12], &s.internal, &t[13], &t[14]}
}

func (s *storedContent) event(id schemas.EventID) schemas.Event {
	t := &s.texts
	e := schemas.Event{
		ID: id, SubscriptionID: []byte(t[0]), UserID: []byte(t[1]), EventTimestamp: schemas.Millis(s.at),
		SubscriptionAction: []byte(t[2]), EventName: []byte(t[3]), ResourceName: []byte(t[4]), BillingPeriod: []byte(t[5]),
		TermType: []byte(t[6]), TermName: []byte(t[7]), TrialDuration: []byte(t[8]), BillingCountryCode: []byte(t[9]),
		PaymentMode: []byte(t[10]), UpgradeToSubscriptionID: []byte(t[11]), UserEmailHashSHA256: []byte(t[12]),
		IsInternalUser: s.internal, ExperienceName: []byte(t[13]), SubscriptionActionRaw: []byte(t[14]),
	}
	if s.nextBilled != nil {
		e.NextBilledAt = schemas.NullMillis{Millis: schemas.Millis(*s.nextBilled), Valid: true}
	}
	if s.trialEnded != nil {
		e.TrialPeriodEndedAt = schemas.NullMillis{Millis: schemas.Millis(*s.trialEnded), Valid: true}
	}
	if s.amount != nil {
		e.TransactionValue = schemas.NullDecimal4{Decimal4: schemas.Decimal4(*s.amount), Valid: true}
	}
	if s.periodNumber != nil {
		e.SubscriptionPeriodNumber = schemas.NullInt32{Int32: *s.periodNumber, Valid: true}
	}
	return e
}

// levelKey identifies a level of an event.
type levelKey struct {
	id      schemas.EventID
	version uint64
	at      schemas.Coordinates
}

func (l level) key(e *storedEvent) levelKey { return levelKey{e.id, l.version, l.at} }

// readRows appends rows to a chunk, at their coordinates and versions, and returns which
// row is which level. A row that is not there any more is left out.
func (w *Writer) readRows(ctx context.Context, events map[schemas.EventID]*storedEvent, levels map[levelKey]bool, to *Chunk) (map[levelKey]int, error) {
	read := make(map[levelKey]int, len(levels))
	if len(levels) == 0 {
		return read, nil
	}
	keys := make(map[schemas.EventID]eventKey, len(levels))
	for l := range levels {
		keys[l.id] = events[l.id].eventKey
	}
	type stored struct {
		content  storedContent
		inserted insertionOrder
	}
	found := make(map[levelKey]stored, len(levels))
	query := "SELECT event_id, version, source, source_name, source_epoch, source_partition, source_offset, " +
		insertedSQL + ", " + storedColumns() + " FROM " + EventsTable + " WHERE is_deleted = 0 AND " + ofKeys(keys)
	err := w.persist(ctx, "read "+EventsTable, func(ctx context.Context, _ int) error {
		clear(found)
		table, err := keysTable(keys)
		if err != nil {
			return err
		}
		rows, err := w.conn.Query(clickhouse.Context(ctx, clickhouse.WithExternalTable(table)), query)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var one stored
			var id uuid.UUID
			var source string
			var l levelKey
			into := append([]any{&id, &l.version, &source, &l.at.Name, &l.at.Epoch, &l.at.Partition, &l.at.Offset,
				&one.inserted.block, &one.inserted.row}, one.content.destinations()...)
			if err := rows.Scan(into...); err != nil {
				return err
			}
			l.id, l.at.Source = schemas.EventID(id), schemas.Source(source)
			if !levels[l] {
				continue
			}
			if last, known := found[l]; !known || last.inserted.compare(one.inserted) < 0 {
				found[l] = one
			}
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	for l, one := range found {
		e := one.content.event(l.id)
		read[l] = to.Rows()
		to.Append(&e, l.at, l.version)
	}
	return read, nil
}
