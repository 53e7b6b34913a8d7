package system

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"github.com/shopspring/decimal"
	"github.com/twmb/murmur3"

	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/bench/messages"
	"github.com/pianola/pianola/internal/bench/process"
	"github.com/pianola/pianola/internal/wait"
)

// Afternoon is the consumer that a competent person writes in an afternoon: kafka-go's
// Reader in a group, encoding/json, and clickhouse-go's AppendStruct. It commits after the
// insert, so it is at-least-once. It has no dead letters, no ledger and no retries.
type Afternoon struct{}

// AfternoonRole is the name of the role ServeAfternoon.
const AfternoonRole = "afternoon"

// Name implements System.
func (Afternoon) Name() string { return "afternoon" }

// SetUp implements System.
func (Afternoon) SetUp(ctx context.Context, r *Run) error { return r.Database.Create(ctx, false) }

// Start implements System.
func (Afternoon) Start(_ context.Context, r *Run) (Work, error) {
	started, err := process.StartRole(r.Lab.Dir, r.Group+"-afternoon", AfternoonRole, afternoonOptions{
		Broker: r.Lab.Broker.Addr, Topic: r.Topic.Name, Group: r.Group,
		ClickHouse: r.Lab.ClickHouse.NativeAddr(), Database: r.Database.Name, Password: r.Lab.Password,
	})
	if err != nil {
		return nil, err
	}
	return &consumer{run: r, Process: started}, nil
}

type afternoonOptions struct {
	Broker, Topic, Group           string
	ClickHouse, Database, Password string
}

// Limits of a batch: as many rows as a batch of Pianola has, and its longest age.
const (
	afternoonRows = 200_000
	afternoonWait = time.Second
)

// ServeAfternoon is the role of the consumer.
func ServeAfternoon(ctx context.Context, options json.RawMessage) error {
	var o afternoonOptions
	if err := json.Unmarshal(options, &o); err != nil {
		return fmt.Errorf("read the options: %w", err)
	}
	conn, err := ch.Open(&ch.Options{
		Addr:        []string{o.ClickHouse},
		Auth:        ch.Auth{Database: o.Database, Username: lab.User, Password: o.Password},
		Compression: &ch.Compression{Method: ch.CompressionLZ4},
		Settings:    ch.Settings{"async_insert": 0, "max_partitions_per_insert_block": 0},
	})
	if err != nil {
		return fmt.Errorf("connect to ClickHouse: %w", err)
	}
	defer func() { _ = conn.Close() }() // every batch has been sent or aborted
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{o.Broker}, Topic: o.Topic, GroupID: o.Group,
		StartOffset: kafka.FirstOffset,
		MinBytes:    1, MaxBytes: 10 << 20, MaxWait: 100 * time.Millisecond, QueueCapacity: 10_000,
	})
	err = consume(ctx, reader, conn)
	return errors.Join(err, reader.Close())
}

// consume inserts batches until ctx ends. What has not been inserted then is read again.
func consume(ctx context.Context, reader *kafka.Reader, conn driver.Conn) error {
	for {
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+lab.Events)
		if err != nil {
			return fmt.Errorf("prepare a batch: %w", err)
		}
		read, err := fill(ctx, reader, batch)
		if err != nil || ctx.Err() != nil {
			_ = batch.Abort() // its messages were not committed
			return err
		}
		if batch.Rows() == 0 {
			_ = batch.Abort() // nothing is in it
		} else if err := batch.Send(); err != nil {
			return fmt.Errorf("insert a batch: %w", err)
		}
		if err := commit(ctx, reader, read); err != nil {
			return err
		}
	}
}

// commit repeats a commit that fails: the group may rebalance, or have another coordinator.
func commit(ctx context.Context, reader *kafka.Reader, read []kafka.Message) error {
	const attempts = 30
	for attempt := 1; len(read) > 0; attempt++ {
		err := reader.CommitMessages(ctx, read...)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if attempt == attempts {
			return fmt.Errorf("commit: %w", err)
		}
		if err := wait.For(ctx, time.Second); err != nil {
			return nil //nolint:nilerr // what was not committed is read again
		}
	}
	return nil
}

// fill reads messages into a batch until it is large or old enough. It returns the last
// message of each partition.
func fill(ctx context.Context, reader *kafka.Reader, batch driver.Batch) ([]kafka.Message, error) {
	bounded, cancel := context.WithTimeout(ctx, afternoonWait)
	defer cancel()
	last := map[int]kafka.Message{}
	for batch.Rows() < afternoonRows {
		m, old, err := next(bounded, reader.FetchMessage)
		if err != nil {
			return nil, err
		}
		if old {
			break
		}
		last[m.Partition] = kafka.Message{Topic: m.Topic, Partition: m.Partition, Offset: m.Offset}
		row, stored := toRow(&m)
		if !stored {
			continue
		}
		if err := batch.AppendStruct(row); err != nil {
			return nil, fmt.Errorf("append a row: %w", err)
		}
	}
	var read []kafka.Message
	for _, m := range last {
		read = append(read, m)
	}
	return read, nil
}

// next is the next message. old is true when the batch is old enough instead. A message that
// arrives at the last moment belongs to the batch: the reader does not give it again.
func next(bounded context.Context, fetch func(context.Context) (kafka.Message, error)) (m kafka.Message, old bool, err error) {
	m, err = fetch(bounded)
	switch {
	case err == nil:
		return m, false, nil
	case bounded.Err() != nil:
		return m, true, nil
	default:
		return m, false, fmt.Errorf("read: %w", err)
	}
}

// afternoonMessage is a message as encoding/json reads it.
type afternoonMessage struct {
	SubscriptionID           string           `json:"subscription_id"`
	UserID                   string           `json:"user_id"`
	EventTimestamp           *time.Time       `json:"event_timestamp"`
	SubscriptionAction       string           `json:"subscription_action"`
	EventName                *string          `json:"event_name"`
	ResourceName             *string          `json:"resource_name"`
	NextBilledAt             *time.Time       `json:"next_billed_at"`
	BillingPeriod            *string          `json:"billing_period"`
	TermType                 *string          `json:"term_type"`
	TermName                 *string          `json:"term_name"`
	TransactionValue         *decimal.Decimal `json:"transaction_value"`
	TrialPeriodEndedAt       *time.Time       `json:"trial_period_ended_at"`
	TrialDuration            *string          `json:"trial_duration"`
	BillingCountryCode       *string          `json:"billing_country_code"`
	SubscriptionPeriodNumber *int32           `json:"subscription_period_number"`
	PaymentMode              *string          `json:"payment_mode"`
	UpgradeToSubscriptionID  *string          `json:"upgrade_to_subscription_id"`
	UserEmailHashSHA256      *string          `json:"user_email_hash_sha256"`
	Email                    *string          `json:"email"`
	IsInternalUser           bool             `json:"is_internal_user"`
	ExperienceName           *string          `json:"experience_name"`
}

// afternoonRow is a row as clickhouse-go writes it.
type afternoonRow struct {
	EventID                  uuid.UUID        `ch:"event_id"`
	SubscriptionID           string           `ch:"subscription_id"`
	UserID                   string           `ch:"user_id"`
	EventTimestamp           time.Time        `ch:"event_timestamp"`
	SubscriptionAction       string           `ch:"subscription_action"`
	EventName                *string          `ch:"event_name"`
	ResourceName             *string          `ch:"resource_name"`
	NextBilledAt             *time.Time       `ch:"next_billed_at"`
	BillingPeriod            *string          `ch:"billing_period"`
	TermType                 *string          `ch:"term_type"`
	TermName                 *string          `ch:"term_name"`
	TransactionValue         *decimal.Decimal `ch:"transaction_value"`
	TrialPeriodEndedAt       *time.Time       `ch:"trial_period_ended_at"`
	TrialDuration            *string          `ch:"trial_duration"`
	BillingCountryCode       *string          `ch:"billing_country_code"`
	SubscriptionPeriodNumber *int32           `ch:"subscription_period_number"`
	PaymentMode              *string          `ch:"payment_mode"`
	UpgradeToSubscriptionID  *string          `ch:"upgrade_to_subscription_id"`
	UserEmailHashSHA256      *string          `ch:"user_email_hash_sha256"`
	IsInternalUser           bool             `ch:"is_internal_user"`
	ExperienceName           *string          `ch:"experience_name"`
	SubscriptionActionRaw    string           `ch:"subscription_action_raw"`
	Version                  uint64           `ch:"version"`
	SyncedAt                 time.Time        `ch:"synced_at"`
	Source                   string           `ch:"source"`
	SourceName               string           `ch:"source_name"`
	SourceEpoch              uint32           `ch:"source_epoch"`
	SourcePartition          int32            `ch:"source_partition"`
	SourceOffset             int64            `ch:"source_offset"`
	IsDeleted                uint8            `ch:"is_deleted"`
}

// toRow transforms a message. stored is false for one that is not stored.
func toRow(m *kafka.Message) (row *afternoonRow, stored bool) {
	var in afternoonMessage
	if err := json.Unmarshal(m.Value, &in); err != nil {
		return nil, false
	}
	if in.IsInternalUser || in.SubscriptionID == "" || in.SubscriptionAction == "" || in.EventTimestamp == nil {
		return nil, false
	}
	action, known := messages.Spellings[in.SubscriptionAction]
	if !known {
		action = in.SubscriptionAction
	}
	if in.BillingCountryCode != nil && len(*in.BillingCountryCode) == 2 {
		*in.BillingCountryCode = strings.ToUpper(*in.BillingCountryCode)
	}
	hash := in.UserEmailHashSHA256
	if hash == nil && in.Email != nil {
		sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(*in.Email))))
		text := hex.EncodeToString(sum[:])
		hash = &text
	}
	millis := in.EventTimestamp.UnixMilli()
	h1, h2 := murmur3.StringSum128(in.SubscriptionID + "\x1f" + strconv.FormatInt(millis, 10) + "\x1f" + action)
	var id uuid.UUID
	for i := range 8 {
		id[i], id[8+i] = byte(h1>>(56-8*i)), byte(h2>>(56-8*i))
	}
	return &afternoonRow{
		EventID: id, SubscriptionID: in.SubscriptionID, UserID: in.UserID, EventTimestamp: in.EventTimestamp.UTC(),
		SubscriptionAction: action, EventName: in.EventName, ResourceName: in.ResourceName, NextBilledAt: in.NextBilledAt,
		BillingPeriod: in.BillingPeriod, TermType: in.TermType, TermName: in.TermName, TransactionValue: in.TransactionValue,
		TrialPeriodEndedAt: in.TrialPeriodEndedAt, TrialDuration: in.TrialDuration, BillingCountryCode: in.BillingCountryCode,
		SubscriptionPeriodNumber: in.SubscriptionPeriodNumber, PaymentMode: in.PaymentMode,
		UpgradeToSubscriptionID: in.UpgradeToSubscriptionID, UserEmailHashSHA256: hash, IsInternalUser: false,
		ExperienceName: in.ExperienceName, SubscriptionActionRaw: in.SubscriptionAction,
		Version:  uint64(m.Time.UnixMilli())<<20 + uint64(m.Offset)&(1<<20-1),
		SyncedAt: time.Now().UTC(), Source: "kafka", SourceName: m.Topic,
		SourcePartition: int32(m.Partition), SourceOffset: m.Offset,
	}, true
}
