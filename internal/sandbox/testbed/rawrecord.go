package testbed

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ProduceAt sends one message with any timestamp, as a record batch made by hand: client
// libraries bring unusual timestamps into their own range.
func (s *Fixture) ProduceAt(partition int32, timestamp int64, value string) {
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

func (s *Fixture) produceBatch(partition int32, raw []byte) error {
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
