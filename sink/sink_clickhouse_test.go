package sink_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

func TestWriter_Flush_Events(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		full := event(1)
		full.EventName, full.ResourceName = []byte("ev"), []byte("Die Zeitung \U0001d11e")
		full.NextBilledAt = schemas.NullMillis{Millis: 1_800_000_000_001, Valid: true}
		full.TrialPeriodEndedAt = schemas.NullMillis{Millis: 0, Valid: true}
		full.SubscriptionPeriodNumber = schemas.NullInt32{Int32: 3, Valid: true}
		full.UpgradeToSubscriptionID = []byte("sub-9")
		full.UserEmailHashSHA256 = []byte(strings.Repeat("0f", 32))
		full.IsInternalUser = true
		p := part(4, 5, 8)
		p.Chunk.Append(full, schemas.Coordinates{Source: schemas.SourceFile, Name: "a.ndjson", Epoch: 2, Offset: 9}, 7)
		stats := d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{p}})
		if stats.Rows != 4 || stats.Attempts != 1 || stats.Bytes != p.Chunk.Bytes() {
			t.Errorf("%+v", stats)
		}
		d.is("SELECT * EXCEPT event_id FROM $.subscription_events WHERE source = 'file'",
			`('sub-1','user','2023-11-14 22:13:20.001','Auto-renew disabled','ev','Die Zeitung 𝄞','2027-01-15 08:00:00.001',NULL,'payment',NULL,-19.9901,`+
				`'1970-01-01 00:00:00.000',NULL,NULL,3,NULL,'sub-9','`+strings.Repeat("0f", 32)+`',true,NULL,'auto_renew-Disabled',7,'2025-06-15 15:06:40.000','file','a.ndjson',2,0,9,0)`)
		d.is("SELECT countIf(user_id = 'user' AND next_billed_at IS NULL AND upgrade_to_subscription_id IS NULL), count() FROM $.subscription_events WHERE source = 'kafka'", "(3,3)")
		d.is(`SELECT count() FROM $.subscription_events WHERE event_id != reinterpretAsUUID(murmurHash3_128(concat(
			subscription_id, '\x1f', toString(toUnixTimestamp64Milli(event_timestamp)), '\x1f', subscription_action)))`, "(0)")
	})
}

func TestWriter_Flush_Parts(t *testing.T) {
	tier.Full(t, "flushes months of parts")
	each(t, func(t *testing.T, d *database) {
		t.Run("chunks of all partitions become one part a month", func(t *testing.T) {
			var parts []*sink.Part
			for i := range 12 {
				parts = append(parts, part(int32(i), int64(i)*500, int64(i)*500+500))
			}
			d.flush(&sink.Batch{Token: "t", Parts: parts})
			d.is("SELECT count() FROM $.subscription_events", "(6000)")
			// Block numbers survive merges: they count the inserted parts.
			d.is("SELECT max(max_block_number) - min(min_block_number) + 1 FROM system.parts WHERE database = '$' AND table = 'subscription_events'", "(1)")
		})
		t.Run("every row is sent once", func(t *testing.T) {
			// An engine that keeps what it gets; the real one would hide it.
			d.exec("CREATE TABLE $.plain AS $.subscription_events ENGINE = MergeTree ORDER BY tuple()")
			d.exec("EXCHANGE TABLES $.plain AND $.subscription_events")
			defer d.exec("EXCHANGE TABLES $.plain AND $.subscription_events")
			d.flush(&sink.Batch{Token: "once", Parts: []*sink.Part{part(0, 0, 30), part(1, 30, 50)}})
			d.is("SELECT count() FROM $.subscription_events", "(50)")
		})
		t.Run("a chunk with more names than 16 bits number is taken", func(t *testing.T) {
			p := part(20, 0, 0)
			for i := range int64(70_000) {
				e := event(1_000_000 + i)
				e.TermName = fmt.Appendf(nil, "term %d", i)
				p.Chunk.Append(e, at(20, i), 0)
			}
			d.flush(&sink.Batch{Token: "wide", Parts: []*sink.Part{p}})
			d.is("SELECT uniqExact(term_name), countIf(term_name = concat('term ', toString(source_offset))) FROM $.subscription_events WHERE source_partition = 20", "(70000,70000)")
		})
		t.Run("more months than a block may have by default", func(t *testing.T) {
			p := part(30, 0, 0)
			for i := range int64(300) {
				e := event(2_000_000 + i)
				e.EventTimestamp = schemas.Millis(946_684_800_000 + i*31*86_400_000)
				p.Chunk.Append(e, at(30, i), 0)
			}
			d.flush(&sink.Batch{Token: "months", Parts: []*sink.Part{p}})
			d.is("SELECT count() FROM $.subscription_events WHERE source_partition = 30", "(300)")
		})
	})
}

func TestWriter_Flush_Idempotent(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		b := &sink.Batch{Token: "t", Parts: []*sink.Part{part(0, 0, 50), part(1, 50, 120)}}
		failing(b.Parts[0], 60)
		t.Run("under a token that it knows ClickHouse takes nothing and acknowledges it", func(t *testing.T) {
			for range 3 {
				if err := d.InsertEvents(t.Context(), b, "attempt"); err != nil {
					t.Fatal(err)
				}
			}
			d.is("SELECT count() FROM $.subscription_events", "(120)")
		})
		t.Run("the token is what tells, not the rows", func(t *testing.T) {
			// As many blocks: a token counts for the blocks it was sent with.
			others := &sink.Batch{Token: "t", Parts: []*sink.Part{part(2, 120, 130), part(3, 130, 140)}}
			if err := d.InsertEvents(t.Context(), others, "attempt"); err != nil {
				t.Fatal(err)
			}
			d.is("SELECT count() FROM $.subscription_events", "(120)")
		})
		t.Run("the same batch again leaves what readers see", func(t *testing.T) {
			d.flush(b)
			d.tick += 1000
			d.flush(b)
			d.is("SELECT count() FROM $.piano_subscriber_event_stream", "(120)")
			d.is("SELECT count() FROM $.dead_letters FINAL", "(1)")
			d.is("SELECT count(DISTINCT insert_token, source_partition) FROM $.ingest_ledger", "(2)")
		})
	})
}

// TestWriter_Flush_ClockShowsTheSameInstantAgain is a range that is read again, with
// another outcome, under a clock that was set back or stands still.
func TestWriter_Flush_ClockShowsTheSameInstantAgain(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		first := part(0, 0, 4)
		failing(first, 4)
		first.Ledger.NextOffset = 5
		d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{first}})
		again := part(0, 0, 5)
		again.Recheck = true
		if stats := d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{again}}); stats.Resolved != 1 {
			t.Errorf("%d dead letters were resolved, want the one", stats.Resolved)
		}
		d.is("SELECT count() FROM $.piano_subscriber_event_stream", "(5)")
		d.is("SELECT countIf(resolved_at IS NULL) FROM $.dead_letters FINAL", "(0)")
	})
}

func TestWriter_Flush_Refused(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.exec("ALTER TABLE $.subscription_events ADD CONSTRAINT no_free_riders CHECK term_type != 'free'")
		spoil := func(p *sink.Part, offsets ...int64) {
			for _, offset := range offsets {
				e := event(offset)
				e.TermType = []byte("free")
				p.Chunk.Append(e, at(p.Ledger.Partition, offset), schemas.KafkaVersion(1_740_000_000_000, offset))
				p.Ledger.Stored++
				p.Ledger.Messages++
			}
		}
		t.Run("a refused row becomes a dead letter and the others rows", func(t *testing.T) {
			a, b := part(0, 0, 300), part(1, 300, 600)
			spoil(a, 1000)
			spoil(b, 1001, 1002)
			stats := d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{a, b}})
			if stats.Rows != 600 || stats.Refused != 3 || stats.Attempts != 4 {
				t.Errorf("%+v", stats)
			}
			d.is("SELECT count() FROM $.piano_subscriber_event_stream", "(600)")
			d.is("SELECT source_partition, stored, dead_lettered, messages FROM $.ingest_ledger ORDER BY 1", "(0,300,1,301)", "(1,300,2,302)")
			d.is(`SELECT source, source_name, source_partition, source_offset, reason, field, detail, subscription_id, payload_sha256,
					JSONExtractString(payload, 'term_type'), JSONExtractRaw(payload, 'transaction_value'), message_time, attempts, resolved_at
				FROM $.dead_letters FINAL WHERE source_offset = 1001`,
				`('kafka','`+topic+`',1,1001,'rejected_by_server',NULL,'ClickHouse refused this row with code 469 VIOLATED_CONSTRAINT','sub-1001',NULL,'free','-20.0901','2025-02-19 21:20:00.000',1,NULL)`)
			d.is("SELECT count() FROM $.dead_letters FINAL", "(3)")
		})
		t.Run("more than 1% stops, and nothing is dead-lettered or accounted for", func(t *testing.T) {
			p := part(7, 2000, 2100)
			for offset := range int64(20) {
				spoil(p, 3000+offset)
			}
			_, err := d.Flush(t.Context(), &sink.Batch{Token: "bad", Parts: []*sink.Part{p}})
			var fatal *sink.Error
			if !errors.Is(err, sink.ErrTooManyRefused) || !errors.As(err, &fatal) || fatal.Class != sink.ClassFatal || fatal.Code != 469 {
				t.Fatal(err)
			}
			d.is("SELECT count() FROM $.dead_letters WHERE source_partition = 7", "(0)")
			d.is("SELECT count() FROM $.ingest_ledger WHERE source_partition = 7", "(0)")
		})
	})
}

func TestWriter_Flush_DeadLetters(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		first := part(0, 0, 10)
		for _, offset := range []int64{10, 11, 12} {
			failing(first, offset)
		}
		first.Ledger.NextOffset = 13
		first.DeadLetters[0].SubscriptionID = "sub-10"
		d.flush(&sink.Batch{Token: "first", Parts: []*sink.Part{first}})
		d.is("SELECT * EXCEPT (source, source_name, source_epoch, source_partition) FROM $.dead_letters FINAL WHERE source_offset = 10",
			`(10,'invalid_timestamp','event_timestamp','not a timestamp','sub-10','{"event_timestamp":"x"}','`+strings.Repeat("0", 64)+`','2025-02-19 21:20:00.000','2025-06-15 15:06:40.000',1,NULL,NULL,NULL)`)

		t.Run("what passes on a second reading is resolved, what fails again counts on", func(t *testing.T) {
			d.tick -= 5000 // another instance, whose clock is behind
			again := part(0, 11, 12)
			failing(again, 12)
			again.Ledger.StartOffset, again.Ledger.NextOffset, again.Recheck = 11, 13, true
			stats := d.flush(&sink.Batch{Token: "again", Parts: []*sink.Part{again}})
			if stats.Resolved != 1 {
				t.Errorf("%+v", stats)
			}
			d.is("SELECT source_offset, attempts, resolved_at IS NULL, payload FROM $.dead_letters FINAL ORDER BY 1",
				`(10,1,1,'{"event_timestamp":"x"}')`, `(11,1,0,'{"event_timestamp":"x"}')`, `(12,2,1,'{"event_timestamp":"x"}')`)
		})
		t.Run("without Recheck nothing is looked up", func(t *testing.T) {
			stats := d.flush(&sink.Batch{Token: "plain", Parts: []*sink.Part{part(0, 12, 13)}})
			if stats.Resolved != 0 {
				t.Errorf("%+v", stats)
			}
			d.is("SELECT resolved_at IS NULL FROM $.dead_letters FINAL WHERE source_offset = 12", "(1)")
		})
	})
}

func TestWriter_Flush_Filtered(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		p := &sink.Part{Ledger: schemas.LedgerRow{Source: schemas.SourceKafka, Name: topic, StartOffset: 0, NextOffset: 3, Messages: 3, Filtered: 3, LastOffset: 2}}
		p.Filtered = []schemas.FilteredSubscription{
			{SubscriptionID: "a", Version: 7}, {SubscriptionID: "b"}, {SubscriptionID: "a", Version: 5},
		}
		d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{p}})
		d.is("SELECT subscription_id, version, toUnixTimestamp64Milli(filtered_at) FROM $.filtered_subscriptions ORDER BY 1", "('a',7,1750000000000)", "('b',0,1750000000000)")
		d.flush(&sink.Batch{Token: "again", Parts: []*sink.Part{{Ledger: p.Ledger, Filtered: []schemas.FilteredSubscription{{SubscriptionID: "a", Version: 6}}}}})
		d.is("SELECT subscription_id, version FROM $.filtered_subscriptions FINAL ORDER BY 1", "('a',7)", "('b',0)")
		d.is("SELECT kind, cause, start_offset, next_offset, messages, stored, filtered, dead_lettered, skipped, last_offset, insert_token, instance, toUnixTimestamp64Milli(written_at) FROM $.ingest_ledger WHERE insert_token = 't'",
			"('flush','',0,3,3,0,3,0,0,2,'t','pianola',1750000000000)")
	})
}

func TestWriter_Positions(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	each(t, func(t *testing.T, d *database) {
		first, second := part(0, 0, 10), part(0, 10, 30)
		failing(second, 30)
		second.Ledger.NextOffset = 31
		d.flush(&sink.Batch{Token: "1", Parts: []*sink.Part{first, part(1, 0, 5)}})
		d.flush(&sink.Batch{Token: "2", Parts: []*sink.Part{second}})
		before := part(1, 0, 0) // of the epoch before the topic was recreated
		failing(before, 77)
		d.flush(&sink.Batch{Token: "before", Parts: []*sink.Part{before}})
		empty := &sink.Part{Ledger: schemas.LedgerRow{Source: schemas.SourceKafka, Name: topic, StartOffset: 31, NextOffset: 34, LastOffset: -1}}
		d.flush(&sink.Batch{Token: "3", Parts: []*sink.Part{empty}})
		// Partition 1 is recreated; the same name in a file is another source.
		lost := []schemas.LedgerRow{
			{Source: schemas.SourceKafka, Name: topic, Epoch: 1, Partition: 1, Kind: schemas.LedgerLost, Cause: schemas.LostTopicRecreated, LastOffset: -1},
			{Source: schemas.SourceFile, Name: topic, Epoch: 9, Partition: 0, Kind: schemas.LedgerFlush, NextOffset: 1000, LastOffset: 999},
		}
		// What a job has read again is no position of the consumer.
		for _, read := range []schemas.LedgerRow{{NextOffset: 70, LastOffset: 69}, {Partition: 1, Epoch: 2, NextOffset: 5, LastOffset: 4}, {Partition: 2, NextOffset: 5, LastOffset: 4}} {
			read.Source, read.Name, read.Kind, read.JobID, read.Token = schemas.SourceKafka, topic, schemas.LedgerReplay, "job", "job"
			lost = append(lost, read)
		}
		if err := d.WriteLedger(t.Context(), lost); err != nil {
			t.Fatal(err)
		}
		d.is("SELECT count() FROM $.ingest_ledger WHERE kind = 'lost' AND cause = 'topic_recreated' AND instance = 'pianola'", "(1)")

		got, err := d.Positions(t.Context(), topic, []int32{0, 1, 2})
		if err != nil {
			t.Fatal(err)
		}
		want := map[int32]sink.Position{
			0: {InLedger: true, Reached: 34, LastOffset: 29, LastTimestamp: 1_740_000_000_029, ReadBelow: 31},
			1: {InLedger: true, Epoch: 1, OnlyLost: true, LastOffset: -1},
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestWriter_LedgerGaps(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.flush(&sink.Batch{Token: "1", Parts: []*sink.Part{part(0, 0, 10), part(1, 0, 50)}})
		d.flush(&sink.Batch{Token: "2", Parts: []*sink.Part{part(0, 4, 6)}}) // read again
		d.flush(&sink.Batch{Token: "3", Parts: []*sink.Part{part(0, 15, 20)}})
		if err := d.WriteLedger(t.Context(), []schemas.LedgerRow{
			{Source: schemas.SourceKafka, Name: topic, Kind: schemas.LedgerLost, Cause: schemas.LostToRetention, StartOffset: 22, NextOffset: 25, LastOffset: -1},
			{Source: schemas.SourceKafka, Name: topic, Epoch: 1, Kind: schemas.LedgerLost, Cause: schemas.LostTopicRecreated, NextOffset: 40, LastOffset: -1},
			{Source: schemas.SourceKafka, Name: topic, Kind: schemas.LedgerReplay, JobID: "job", Token: "job", StartOffset: 10, NextOffset: 22, LastOffset: 21},
		}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			epoch  uint32
			within sink.Range
			want   []sink.Range
		}{
			{0, sink.Range{Start: 0, Next: 10}, nil},
			{0, sink.Range{Start: 8, Next: 24}, []sink.Range{{Start: 10, Next: 15}, {Start: 20, Next: 22}}},
			{0, sink.Range{Start: 12, Next: 14}, []sink.Range{{Start: 12, Next: 14}}},
			{0, sink.Range{Start: 24, Next: 30}, []sink.Range{{Start: 25, Next: 30}}},
			{1, sink.Range{Start: 5, Next: 41}, []sink.Range{{Start: 40, Next: 41}}},
			{2, sink.Range{Start: 5, Next: 6}, []sink.Range{{Start: 5, Next: 6}}},
		} {
			got, err := d.LedgerGaps(t.Context(), topic, 0, c.epoch, c.within)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("epoch %d, %v: got %v, want %v", c.epoch, c.within, got, c.want)
			}
		}
	})
}

func TestWriter_Fatal(t *testing.T) {
	tier.Full(t, "waits for retries that must not come")
	for _, protocol := range []sink.Protocol{sink.Native, sink.HTTP} {
		for name, c := range map[string]struct {
			adjust func(*sink.Config)
			spoil  string
			code   int32
		}{
			"a wrong password":   {func(c *sink.Config) { c.Password = "wrong" }, "", 516},
			"a missing table":    {nil, "DROP TABLE $.subscription_events SYNC", 60},
			"a missing column":   {nil, "ALTER TABLE $.subscription_events DROP COLUMN term_name", 16},
			"a missing ledger":   {nil, "DROP TABLE $.ingest_ledger SYNC", 60},
			"no dead letters":    {nil, "DROP TABLE $.dead_letters SYNC", 60},
			"a missing database": {nil, "DROP DATABASE $ SYNC", 81},
		} {
			t.Run(string(protocol)+"/"+name+" stops with its code and a hint", func(t *testing.T) {
				d := open(t, protocol, c.adjust)
				if c.spoil != "" {
					d.exec(c.spoil)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				p := part(0, 0, 3)
				failing(p, 3)
				_, err := d.Flush(ctx, &sink.Batch{Token: "t", Parts: []*sink.Part{p}})
				var fatal *sink.Error
				if !errors.As(err, &fatal) || fatal.Class != sink.ClassFatal || fatal.Code != c.code || fatal.Hint == "" {
					t.Fatalf("%v", err)
				}
			})
		}
	}
}

func TestWriter_Unreachable(t *testing.T) {
	dead := unusedAddr(t)
	for _, protocol := range []sink.Protocol{sink.Native, sink.HTTP} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Run("the next address is taken", func(t *testing.T) {
				d := open(t, protocol, func(c *sink.Config) { c.Addr = append([]string{dead}, c.Addr...) })
				if err := d.Ping(t.Context()); err != nil {
					t.Fatal(err)
				}
				d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{part(0, 0, 3)}})
				d.is("SELECT count() FROM $.subscription_events", "(3)")
			})
			t.Run("without one a flush continues until its context ends", func(t *testing.T) {
				cfg := sink.Defaults()
				cfg.Protocol, cfg.Addr = protocol, []string{dead}
				cfg.Retry = sink.Retry{Initial: time.Millisecond, Max: time.Millisecond}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				tries := 0
				w, err := sink.Open(ctx, cfg, zap.NewNop(), sink.Hooks{OnRetry: func(class sink.Class, code int32) {
					if tries++; tries == 5 {
						cancel()
					}
					if class != sink.ClassRetry || code != 0 {
						t.Errorf("%s, code %d", class, code)
					}
				}})
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close()
				_, err = w.Flush(ctx, &sink.Batch{Token: "t", Parts: []*sink.Part{part(0, 0, 3)}})
				var fatal *sink.Error
				if !errors.Is(err, context.Canceled) || errors.As(err, &fatal) || tries != 5 {
					t.Fatalf("%v after %d tries", err, tries)
				}
				if err := w.Ping(t.Context()); err == nil {
					t.Fatal("nobody answers, and Ping is content")
				}
			})
		})
	}
}

// unusedAddr is an address where nobody listens.
func unusedAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestWriter_Flush_NeedsToken(t *testing.T) {
	w, err := sink.Open(t.Context(), sink.Defaults(), zap.NewNop(), sink.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Flush(t.Context(), &sink.Batch{Parts: []*sink.Part{part(0, 0, 1)}}); err == nil {
		t.Fatal("a batch without a token was taken")
	}
}
