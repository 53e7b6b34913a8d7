package pipeline_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestFlow_RecordTimes has producers whose record timestamps are in micro- and
// nanoseconds, and one without timestamps. No message is lost, the latest delivery of
// the event wins, and no partition looks like a recreated topic when it is assigned again.
func TestFlow_RecordTimes(t *testing.T) {
	s := newFixture(t, "native", 10, 1)
	now := time.Now()
	odd := []int64{now.Add(-time.Second).UnixMicro(), -1, now.UnixNano()}
	for p, at := range odd {
		s.produceAt(int32(p), at, fmt.Sprintf(`{"subscription_id":"ODD","event_timestamp":1750000000,"subscription_action":"Renewed","term_name":"from %d"}`, p))
		s.produceAt(int32(p), at, `{"event_timestamp":1750000000}`)
		s.produceAt(int32(p), at, `{"subscription_id":"STAFF","event_timestamp":1750000000,"subscription_action":"Renewed","is_internal_user":true}`)
	}
	rescaled := 0.0
	for range 2 {
		i := s.start(nil)
		s.AwaitCommitted(i.Run)
		s.awaitAssigned(i)
		i.Drain()
		rescaled += i.metric("pianola_message_oddities_total") // no message has another oddity
	}
	if rescaled != 6 {
		t.Errorf("%v records were counted as rescaled, want 6", rescaled)
	}
	var letters, times []int64
	s.One("SELECT arraySort(groupArray(toUnixTimestamp64Milli(message_time))) FROM dead_letters", &letters)
	if want := []int64{0, now.Add(-time.Second).UnixMilli(), now.UnixMilli()}; !slices.Equal(letters, want) {
		t.Errorf("the dead letters are from %v, want %v", letters, want)
	}
	var name string
	s.One("SELECT term_name FROM piano_subscriber_event_stream", &name)
	if name != "from 2" {
		t.Errorf("the event is %q, want that of the latest record", name)
	}
	s.One("SELECT arraySort(groupArray(toInt64(bitShiftRight(version, 20)))) FROM filtered_subscriptions FINAL", &times)
	if want := []int64{now.UnixMilli()}; !slices.Equal(times, want) {
		t.Errorf("the filtered subscription is from %v, want %v", times, want)
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
