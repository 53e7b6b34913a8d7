package sink

import (
	"github.com/ClickHouse/ch-go/proto"
	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// EventsTable stores accepted events.
const EventsTable = "subscription_events"

// insertedColumns are the columns of an INSERT of events: those of the table without
// the last one. Its default says that an event is there.
func insertedColumns() []schemas.Column {
	all := schemas.EventColumns()
	return all[:len(all)-1]
}

// Chunk is the rows of one partition in column form. One goroutine uses it at a
// time. During a flush that is the flushing goroutine.
type Chunk struct {
	eventID          uuidColumn
	subscriptionID   text
	userID           text
	eventTimestamp   int64Column
	action           lowCardinality
	eventName        lowCardinality
	resourceName     lowCardinality
	nextBilledAt     nullInt64Column
	billingPeriod    lowCardinality
	termType         lowCardinality
	termName         lowCardinality
	transactionValue nullInt64Column
	trialEndedAt     nullInt64Column
	trialDuration    lowCardinality
	countryCode      lowCardinality
	periodNumber     nullInt32Column
	paymentMode      lowCardinality
	upgradeTo        nullText
	emailHash        nullText
	isInternalUser   boolColumn
	experienceName   lowCardinality
	actionRaw        lowCardinality
	version          uint64Column
	syncedAt         constantInstant
	source           lowCardinality
	sourceName       lowCardinality
	sourceEpoch      uint32Column
	sourcePartition  int32Column
	sourceOffset     int64Column

	columns []column            // the fields above in the order of insertedColumns
	input   []proto.InputColumn // the same for ch-go
	rows    int
	bytes   int
}

// rowBytes is the size of a row's values of fixed width: the two instants and the
// version, offset, event id, epoch, partition and flag, and the nullable values
// with their null maps.
const rowBytes = 8 + 8 + 8 + 8 + 16 + 4 + 4 + 1 + 3*9 + 5

// NewChunk returns an empty chunk.
func NewChunk() *Chunk {
	c := new(Chunk)
	for _, col := range []*lowCardinality{
		&c.eventName, &c.resourceName, &c.billingPeriod, &c.termType, &c.termName,
		&c.trialDuration, &c.countryCode, &c.paymentMode, &c.experienceName,
	} {
		col.nullable = true
	}
	c.columns = []column{
		&c.eventID,
		&c.subscriptionID, &c.userID, &c.eventTimestamp, &c.action, &c.eventName,
		&c.resourceName, &c.nextBilledAt, &c.billingPeriod, &c.termType, &c.termName,
		&c.transactionValue, &c.trialEndedAt, &c.trialDuration, &c.countryCode, &c.periodNumber,
		&c.paymentMode, &c.upgradeTo, &c.emailHash, &c.isInternalUser, &c.experienceName,
		&c.actionRaw, &c.version, &c.syncedAt,
		&c.source, &c.sourceName, &c.sourceEpoch, &c.sourcePartition, &c.sourceOffset,
	}
	for i, declared := range insertedColumns() {
		c.columns[i].declare(proto.ColumnType(declared.Type))
		c.input = append(c.input, proto.InputColumn{Name: declared.Name, Data: c.columns[i]})
	}
	return c
}

// Append copies one event into the columns; it keeps no bytes of e. Of two
// deliveries of the same event the higher version wins (schemas.KafkaVersion, or
// 0 for files). It allocates nothing once the columns have grown.
func (c *Chunk) Append(e *schemas.Event, at schemas.Coordinates, version uint64) {
	c.eventID.append(uuid.UUID(e.ID))
	n := c.subscriptionID.append(e.SubscriptionID)
	n += c.userID.append(e.UserID)
	c.eventTimestamp.append(int64(e.EventTimestamp))
	n += c.action.append(e.SubscriptionAction)
	n += c.eventName.append(e.EventName)
	n += c.resourceName.append(e.ResourceName)
	c.nextBilledAt.append(int64(e.NextBilledAt.Millis), e.NextBilledAt.Valid)
	n += c.billingPeriod.append(e.BillingPeriod)
	n += c.termType.append(e.TermType)
	n += c.termName.append(e.TermName)
	c.transactionValue.append(int64(e.TransactionValue.Decimal4), e.TransactionValue.Valid)
	c.trialEndedAt.append(int64(e.TrialPeriodEndedAt.Millis), e.TrialPeriodEndedAt.Valid)
	n += c.trialDuration.append(e.TrialDuration)
	n += c.countryCode.append(e.BillingCountryCode)
	c.periodNumber.append(e.SubscriptionPeriodNumber.Int32, e.SubscriptionPeriodNumber.Valid)
	n += c.paymentMode.append(e.PaymentMode)
	n += c.upgradeTo.append(e.UpgradeToSubscriptionID)
	n += c.emailHash.append(e.UserEmailHashSHA256)
	c.isInternalUser.append(e.IsInternalUser)
	n += c.experienceName.append(e.ExperienceName)
	n += c.actionRaw.append(e.SubscriptionActionRaw)
	c.version.append(version)
	n += c.source.appendString(string(at.Source))
	n += c.sourceName.appendString(at.Name)
	c.sourceEpoch.append(at.Epoch)
	c.sourcePartition.append(at.Partition)
	c.sourceOffset.append(at.Offset)
	c.rows++
	c.bytes += rowBytes + n
}

// Rows is the number of appended events.
func (c *Chunk) Rows() int { return c.rows }

// Bytes is the approximate uncompressed size, which batch.max_bytes limits.
func (c *Chunk) Bytes() int { return c.bytes }

// Reset removes the rows and keeps the capacity.
func (c *Chunk) Reset() {
	for _, col := range c.columns {
		col.reset()
		col.show(0, 0)
	}
	c.rows, c.bytes = 0, 0
}

// show returns the columns for rows [from, to). The chunk owns the slice and the
// columns; both are valid until the next call.
func (c *Chunk) show(from, to int) []proto.InputColumn {
	for _, col := range c.columns {
		col.show(from, to)
	}
	return c.input
}
