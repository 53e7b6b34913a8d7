package pipeline_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestFlow_RecordTimes has producers whose record timestamps are in micro- and
// nanoseconds, and one without timestamps. No message is lost, and none looks like
// a recreated topic when the partitions are assigned again.
func TestFlow_RecordTimes(t *testing.T) {
	s := newFixture(t, "native", 10, 1)
	now := time.Now()
	odd := []int64{now.UnixMicro(), -1, now.UnixNano()}
	for p, at := range odd {
		s.produceAt(int32(p), at, `{"subscription_id":"ODD","event_timestamp":1750000000,"subscription_action":"Renewed"}`)
		s.produceAt(int32(p), at, `{"event_timestamp":1750000000}`)
	}
	for range 2 {
		i := s.start(nil)
		s.AwaitCommitted(i.Run)
		s.awaitAssigned(i)
		i.Drain()
	}
	var letters, late, rows uint64
	s.One("SELECT count(), countIf(message_time = '2262-01-01') FROM dead_letters", &letters, &late)
	s.One("SELECT count() FROM piano_subscriber_event_stream", &rows)
	if letters != 3 || late != 2 || rows != 1 {
		t.Errorf("%d dead letters, %d of them from the end of time, %d rows; want 3, 2 and 1", letters, late, rows)
	}
}

// produceAt sends one message as a record batch made by hand: client libraries
// bring such timestamps into their own range.
func (s *fixture) produceAt(partition int32, timestamp int64, value string) {
	s.Helper()
	record := kmsg.Record{Value: []byte(value)}
	record.Length = int32(len(record.AppendTo(nil)) - 1)
	batch := kmsg.RecordBatch{
		Magic: 2, FirstTimestamp: timestamp, MaxTimestamp: timestamp,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, PartitionLeaderEpoch: -1,
		NumRecords: 1, Records: record.AppendTo(nil),
	}
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))

	// The client may still remember a topic that was deleted and created again.
	s.Eventually("the client knows the topic", func() bool {
		err := s.produceBatch(partition, raw)
		if err != nil && !errors.Is(err, kerr.UnknownTopicID) {
			s.Fatal(err)
		}
		return err == nil
	})
}

func (s *fixture) produceBatch(partition int32, raw []byte) error {
	details, err := s.Admin.ListTopics(s.Context(), s.Topic)
	if err != nil {
		return err
	}
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, 10_000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = s.Topic, details[s.Topic].ID
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = partition, raw
	topic.Partitions = append(topic.Partitions, part)
	request.Topics = append(request.Topics, topic)
	answer, err := request.RequestWith(s.Context(), s.Client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
}
