package testbed

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/pianola/pianola/internal/sandbox/kafka"
)

// CreateTopic makes the topic; the fixture has done so once.
func (s *Fixture) CreateTopic() {
	s.Helper()
	_, err := s.Admin.CreateTopic(s.Context(), Partitions, 1, nil, s.Topic)
	s.Must(err)
}

// DeleteTopic removes it with all that it holds; with the group's offsets.
func (s *Fixture) DeleteTopic() {
	s.Helper()
	_, err := s.Admin.DeleteTopic(s.Context(), s.Topic)
	s.Must(err)
}

// DeleteBefore is retention at work on one partition.
func (s *Fixture) DeleteBefore(partition int32, offset int64) {
	s.Helper()
	var to kadm.Offsets
	to.Add(kadm.Offset{Topic: s.Topic, Partition: partition, At: offset})
	responses, err := s.Admin.DeleteRecords(s.Context(), to)
	if err == nil {
		err = responses.Error()
	}
	s.Must(err)
}

// Publish sends all messages of the world.
func (s *Fixture) Publish() {
	s.Helper()
	s.Must(s.Services.Publish(s.Context(), s.World, func(int) {}))
}

// Produce sends records to the topic of the fixture, not to the topic that they
// name, and returns when they are stored.
func (s *Fixture) Produce(records ...kafka.Record) {
	s.Helper()
	producer, err := kafka.NewProducer(s.Services.Kafka.Addr())
	s.Must(err)
	defer producer.Close()
	for _, r := range records {
		r.Topic = s.Topic
		s.Must(producer.Send(s.Context(), r))
	}
	s.Must(producer.Flush(s.Context()))
}

// Committed is the group's next offset by partition, for those that have one.
func (s *Fixture) Committed() map[int32]int64 {
	s.Helper()
	offsets, err := s.Admin.FetchOffsets(s.Context(), s.Settings.Kafka.Group)
	if !errors.Is(err, kerr.GroupIDNotFound) { // which it is until its first commit
		s.Must(err)
	}
	at := map[int32]int64{}
	offsets.Each(func(o kadm.OffsetResponse) { at[o.Partition] = o.At })
	return at
}

// MoveGroup is somebody who moves the group's offset of one partition. The group
// must be empty.
func (s *Fixture) MoveGroup(partition int32, offset int64) {
	s.Helper()
	var to kadm.Offsets
	to.Add(kadm.Offset{Topic: s.Topic, Partition: partition, At: offset, LeaderEpoch: -1})
	s.Must(s.Admin.CommitAllOffsets(s.Context(), s.Settings.Kafka.Group, to))
}

// CommittedAll reports whether the group has committed exactly the end of every
// partition. An offset beyond the end belongs to a topic that was recreated.
func (s *Fixture) CommittedAll() bool {
	s.Helper()
	at := s.Committed()
	for p := range int32(Partitions) {
		if at[p] != s.Services.Kafka.EndOffset(s.Topic, p) {
			return false
		}
	}
	return true
}
