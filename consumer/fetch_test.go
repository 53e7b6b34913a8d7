package consumer

import (
	"encoding/binary"
	"testing"
)

// fetchResponse is a response of one partition, version 11, behind its length.
func fetchResponse(topic string, partition int32, records []byte, aborted ...abortedTransaction) []byte {
	var b []byte
	u16 := func(v int16) { b = binary.BigEndian.AppendUint16(b, uint16(v)) }
	u32 := func(v int32) { b = binary.BigEndian.AppendUint32(b, uint32(v)) }
	u64 := func(v int64) { b = binary.BigEndian.AppendUint64(b, uint64(v)) }
	u32(correlation)
	u32(0) // throttle time
	u16(0)
	u32(0) // session
	u32(1)
	u16(int16(len(topic)))
	b = append(b, topic...)
	u32(1)
	u32(partition)
	u16(0)
	u64(100) // high watermark
	u64(90)  // last stable offset
	u64(10)  // log start
	u32(int32(len(aborted)))
	for _, a := range aborted {
		u64(a.producer)
		u64(a.first)
	}
	u32(-1) // preferred read replica
	u32(int32(len(records)))
	return append(b, records...)
}

func TestFetchAnswer_parse(t *testing.T) {
	data := fetchResponse("events", 3, []byte("records"), abortedTransaction{7, 12}, abortedTransaction{8, 13})
	var a fetchAnswer
	if err := a.parse(data, 11, "events", 3); err != nil {
		t.Fatal(err)
	}
	if a.code != 0 || a.highWatermark != 100 || a.lastStable != 90 || a.logStart != 10 || string(a.records) != "records" ||
		len(a.aborted) != 2 || a.aborted[1] != (abortedTransaction{8, 13}) {
		t.Fatalf("got %+v", a)
	}
	t.Run("refuses_what_was_not_asked_for", func(t *testing.T) {
		if a.parse(data, 11, "other", 3) == nil || a.parse(data, 11, "events", 4) == nil {
			t.Fatal("it was taken")
		}
	})
	t.Run("refuses_every_shorter_one", func(t *testing.T) {
		for n := range data {
			if a.parse(data[:n], 11, "events", 3) == nil {
				t.Fatalf("%d of %d bytes were taken", n, len(data))
			}
		}
	})
}

// FuzzFetchAnswer holds for any bytes: no panic, and records that lie in them.
func FuzzFetchAnswer(f *testing.F) {
	f.Add(fetchResponse("events", 3, []byte("records"), abortedTransaction{7, 12}), int16(11))
	f.Fuzz(func(t *testing.T, data []byte, version int16) {
		var a fetchAnswer
		if err := a.parse(data, version%12, "events", 3); err == nil && len(a.records) > len(data) {
			t.Fatalf("%d bytes of records in %d", len(a.records), len(data))
		}
	})
}
