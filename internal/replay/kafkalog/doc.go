// Package kafkalog reads the log of a topic outside a consumer group: the range that a
// broker has, single records by their offset, and proof that the topic is still the one
// that the tables know.
//
// Words:
//
//   - extent: the offsets [start, end) of a partition that the broker has.
//   - gone: a record can no longer be read, for a [Cause].
//
// [Open] checks that the topic exists and may be read. [Topic.Extent] and
// [Topic.Recreated] are for a plan, [Cursor] finds single records, [RangeReader] reads a
// range. Every wait for Kafka has the timeout of the topic, after which the error is
// [ErrTimeout].
package kafkalog
