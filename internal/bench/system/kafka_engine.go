package system

import (
	"context"
	"fmt"
	"runtime"

	"github.com/pianola/pianola/internal/bench/lab"
)

// KafkaEngine is ClickHouse's own consumer: a table of the engine Kafka, and a
// materialised view that transforms what it reads.
type KafkaEngine struct {
	Plain bool // into the engine MergeTree
}

// Name implements System.
func (k KafkaEngine) Name() string {
	if k.Plain {
		return "kafka-engine-mergetree"
	}
	return "kafka-engine"
}

// SetUp implements System.
func (k KafkaEngine) SetUp(ctx context.Context, r *Run) error { return r.Database.Create(ctx, k.Plain) }

// Start implements System.
func (k KafkaEngine) Start(ctx context.Context, r *Run) (Work, error) {
	w := &engineWork{run: r}
	if err := r.Database.Exec(ctx, createStream(r), createView(r)); err != nil {
		return nil, err
	}
	return w, nil
}

// createStream is the table that reads the topic.
func createStream(r *Run) string {
	return fmt.Sprintf("CREATE TABLE `%s`.stream\n(%s\n)\nENGINE = Kafka\nSETTINGS kafka_broker_list = '%s',\n"+
		"  kafka_topic_list = '%s',\n  kafka_group_name = '%s',\n"+
		// ClickHouse's fastest JSON parser: one pass over a message, straight into columns.
		"  kafka_format = 'JSONEachRow',\n"+
		// Times have offsets other than that of UTC, which the basic form does not read.
		"  date_time_input_format = 'best_effort',\n"+
		// A consumer is a thread. More than processors, or than partitions, give nothing.
		"  kafka_num_consumers = %d,\n"+
		// Otherwise all consumers share one insert and wait for each other.
		"  kafka_thread_per_consumer = 1,\n"+
		// Rows of one insert. Small inserts cost parts, and parts cost merges.
		"  kafka_max_block_size = 1048576,\n"+
		// Messages that librdkafka hands over at once; the default is that of a block.
		"  kafka_poll_max_batch_size = 65536,\n"+
		// Ten polls without a message end a block, so this is the delay of the last one.
		"  kafka_poll_timeout_ms = 50,\n"+
		// The longest age of a block. It is larger than what a block takes to fill.
		"  kafka_flush_interval_ms = 7500,\n"+
		// A broken message becomes a row with an error. Otherwise it would stop the table.
		"  kafka_handle_error_mode = 'stream'",
		r.Database.Name, fields, r.Lab.Broker.Addr, r.Topic.Name, r.Group, min(r.Topic.Messages.Partitions, runtime.NumCPU()))
}

// createView transforms what the table has read, and stores it.
func createView(r *Run) string {
	at := coordinates{
		source: "kafka", name: "s._topic", partition: "s._partition", offset: "s._offset",
		millis: "toUnixTimestamp64Milli(assumeNotNull(s._timestamp_ms))",
	}
	return fmt.Sprintf("CREATE MATERIALIZED VIEW `%[1]s`.stream_to_events TO `%[1]s`.%[2]s AS\n%[3]s",
		r.Database.Name, lab.Events, selection(fmt.Sprintf("`%s`.stream", r.Database.Name), at, "s._error = ''"))
}

// engineWork is the table at work.
type engineWork struct{ run *Run }

func (w *engineWork) PID() int { return 0 }

func (w *engineWork) Ready(ctx context.Context) error {
	return w.run.AwaitMembers(ctx, 1, w.run.alive)
}

func (w *engineWork) Done(ctx context.Context) error {
	return w.run.AwaitCommitted(ctx, w.run.alive)
}

func (w *engineWork) Stop(ctx context.Context) error {
	name := w.run.Database.Name
	return w.run.Database.Exec(ctx, fmt.Sprintf("DROP TABLE `%s`.stream_to_events SYNC", name), fmt.Sprintf("DROP TABLE `%s`.stream SYNC", name))
}
