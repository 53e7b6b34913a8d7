package pipeline

import "github.com/pianola/pianola/schemas"

// latestRecord is 2262-01-01, the last new year that the tables' instants and
// the driver that writes them (nanoseconds in 64 bits) can hold.
const latestRecord schemas.Millis = 9_214_646_400_000

// recordTime is a record's timestamp as the tables keep it. Kafka takes any
// number from a producer: -1 stands for none, and one that counts microseconds
// lies far beyond every calendar. Such a timestamp would come back from the
// ledger as another, and the topic would pass for one that was made anew. Every
// timestamp of a record goes through here, so that both sides of that
// comparison have done so.
func recordTime(timestamp int64) schemas.Millis {
	return min(max(schemas.Millis(timestamp), 0), latestRecord)
}
