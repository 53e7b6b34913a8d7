package schemas

import "fmt"

// The version of a row: of two deliveries of one event the higher one wins
// (contract §2). A record with a timestamp has timestamp × 2^20 + offset mod 2^20,
// a record without one its offset, and a row of a file 0.
const (
	versionShift = 20
	// maxTimeless is the highest version without a timestamp. As a timestamp it
	// would be in November 2004, before Kafka existed, so the two never mix.
	maxTimeless = 1 << 60
	// maxRecordTime is in the year 2248. A later timestamp has no room in a version.
	maxRecordTime Millis = 1<<43 - 1
)

// RecordTime is the timestamp of a Kafka record in milliseconds, or 0 without
// one. Kafka accepts any number from a producer: -1 means none, and there are
// producers that write micro- or nanoseconds. The magnitude gives the unit, as for
// every epoch (contract §2, stage 2); rescaled reports another unit than
// milliseconds. Every record timestamp goes through this function.
func RecordTime(timestamp int64) (at Millis, rescaled bool) {
	at = Millis(timestamp)
	switch {
	case timestamp < 1e11:
		at *= 1000
	case timestamp < 1e14:
	case timestamp < 1e17:
		at /= 1000
	default:
		at /= 1_000_000
	}
	if timestamp <= 0 || at > maxRecordTime {
		return 0, false
	}
	return at, at != Millis(timestamp)
}

// KafkaVersion is the version of a row from Kafka. The time is RecordTime's.
func KafkaVersion(at Millis, offset int64) uint64 {
	if at < 1 || at > maxRecordTime {
		return uint64(min(max(offset, 0), maxTimeless))
	}
	return uint64(at)<<versionShift + uint64(offset)&(1<<versionShift-1)
}

// VersionTime is the timestamp of the record in a version, or 0 without one.
func VersionTime(version uint64) Millis {
	if version <= maxTimeless {
		return 0
	}
	return Millis(version >> versionShift)
}

// OwnVersion reports whether a row at these coordinates can have the version by its own
// delivery. A row that took over from a departed delivery has that one's version. One of
// 2^20 such rows is not recognised.
func OwnVersion(at Coordinates, version uint64) bool {
	switch {
	case at.Source == SourceFile:
		return version == 0
	case version <= maxTimeless:
		return version == KafkaVersion(0, at.Offset)
	}
	const low = 1<<versionShift - 1
	return version&low == uint64(at.Offset)&low
}

// VersionTimeSQL is VersionTime as a ClickHouse expression of type Int64.
func VersionTimeSQL(version string) string {
	return fmt.Sprintf("if(%[1]s <= %[2]d, 0, toInt64(bitShiftRight(%[1]s, %[3]d)))", version, uint64(maxTimeless), versionShift)
}
