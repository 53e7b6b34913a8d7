package world

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

// compareDeadLetters compares every dead letter by its source position.
func (tr *Truth) compareDeadLetters(ctx context.Context, conn driver.Conn, _ *Report) (Check, error) {
	check := Check{Name: "table dead_letters", Expected: len(tr.DeadLetters)}
	db, err := read(ctx, conn, 6, `
		SELECT toString(source_partition), toString(source_offset),
			concat(source, ' ', source_name, if(isNull(resolved_at), '', ' resolved')),
			concat(reason, ' ', ifNull(field, '-'), ' ', ifNull(payload_sha256, '-'), ' ', toString(toUnixTimestamp64Milli(message_time))),
			ifNull(subscription_id, ''), toString(source_epoch)
		FROM dead_letters FINAL ORDER BY source_partition, source_epoch, source_offset`)
	if err != nil {
		return check, err
	}
	source := fmt.Sprintf("%s %s", schemas.SourceKafka, tr.w.cfg.Topic)
	where := func() string {
		return fmt.Sprintf("epoch %s, %s/%s %s %s", db.text[5], db.text[0], db.text[1], db.text[2], db.text[3])
	}
	for i := range tr.DeadLetters {
		d := &tr.DeadLetters[i]
		for ; db.more && d.beyond(db.text[0], db.text[5], db.text[1]) > 0; db.next() {
			check.unexpected(where())
		}
		if !db.more || d.beyond(db.text[0], db.text[5], db.text[1]) != 0 {
			check.missing(fmt.Sprintf("epoch %d, %d/%d %s", d.Epoch, d.Partition, d.Offset, d.line()))
			continue
		}
		switch {
		case db.text[2] != source+d.state():
			check.different(where(), "want the source "+source+d.state())
		case db.text[3] != d.line():
			check.different(where(), "want "+d.line())
		case d.SubscriptionID != "" && db.text[4] != d.SubscriptionID:
			check.different(where(), fmt.Sprintf("subscription_id is %q, want %q", db.text[4], d.SubscriptionID))
		}
		db.next()
	}
	for ; db.more; db.next() {
		check.unexpected(where())
	}
	return check, db.close()
}

// beyond compares the position of a dead letter with a position in decimal text.
func (d *DeadLetter) beyond(partition, epoch, offset string) int {
	p, _ := strconv.ParseInt(partition, 10, 32)
	e, _ := strconv.ParseInt(epoch, 10, 64)
	o, _ := strconv.ParseInt(offset, 10, 64)
	return cmp.Or(cmp.Compare(int64(d.Partition), p), cmp.Compare(int64(d.Epoch), e), cmp.Compare(d.Offset, o))
}

func (d *DeadLetter) line() string {
	hash := hex.EncodeToString(d.SHA256[:])
	if d.Reason == schemas.RejectedByServer {
		hash = "-"
	}
	return fmt.Sprintf("%s %s %s %d", d.Reason, cmp.Or(d.Field, "-"), hash, d.MessageTime)
}

// state returns the suffix that the query adds to the source.
func (d *DeadLetter) state() string {
	if d.Resolved {
		return " resolved"
	}
	return ""
}

// comparePrivacy searches for email addresses where the guard and the redaction must
// have removed them. A masked address has no letters left.
func (tr *Truth) comparePrivacy(ctx context.Context, conn driver.Conn, _ *Report) (Check, error) {
	check := Check{Name: "plaintext addresses"}
	db, err := read(ctx, conn, 1, `
		SELECT concat('dead letter ', toString(source_partition), '/', toString(source_offset)) FROM dead_letters
			WHERE match(concat(payload, ' ', detail, ' ', ifNull(subscription_id, '')), '(?i)@[^"\\s]*example')
		UNION ALL
		SELECT concat('filtered subscription ', subscription_id) FROM filtered_subscriptions WHERE match(subscription_id, '(?i)@[^"\\s]*example')
		UNION ALL
		SELECT concat('event ', toString(source_partition), '/', toString(source_offset)) FROM subscription_events
			WHERE match(`+addressable()+`, '(?i)@[^"\\s]*example')`)
	if err != nil {
		return check, err
	}
	for ; db.more; db.next() {
		check.unexpected(db.text[0])
	}
	return check, db.close()
}

// addressable returns the SQL that prints every column that could hold an address.
func addressable() string {
	line, _ := lineExpr(schemas.EventColumns())
	return line
}

// compareFiltered compares the subscriptions with filtered events, and the newest version
// of those.
func (tr *Truth) compareFiltered(ctx context.Context, conn driver.Conn, _ *Report) (Check, error) {
	check := Check{Name: "table filtered_subscriptions", Expected: len(tr.FilteredSubscriptions)}
	db, err := read(ctx, conn, 2, "SELECT subscription_id, toString(version) FROM filtered_subscriptions FINAL ORDER BY subscription_id")
	if err != nil {
		return check, err
	}
	for _, id := range tr.FilteredSubscriptions {
		for ; db.more && db.text[0] < id; db.next() {
			check.unexpected(db.text[0])
		}
		if !db.more || db.text[0] != id {
			check.missing(id)
			continue
		}
		if want := strconv.FormatUint(tr.FilteredVersions[id], 10); db.text[1] != want {
			check.unexpected(id + " with version " + db.text[1] + ", want " + want)
		}
		db.next()
	}
	for ; db.more; db.next() {
		check.unexpected(db.text[0])
	}
	return check, db.close()
}
