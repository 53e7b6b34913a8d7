package world

import (
	"encoding/binary"
	"strconv"

	"github.com/twmb/murmur3"

	"github.com/pianola/pianola/schemas"
)

// eventID implements contract §2: MurmurHash3 of id, instant and action, separated by
// U+001F.
func eventID(subscription []byte, at int64, action []byte) schemas.EventID {
	var room [160]byte
	b := append(room[:0], subscription...)
	b = strconv.AppendInt(append(b, 0x1f), at, 10)
	b = append(append(b, 0x1f), action...)
	h1, h2 := murmur3.Sum128(b)
	var id schemas.EventID
	binary.BigEndian.PutUint64(id[:8], h1)
	binary.BigEndian.PutUint64(id[8:], h2)
	return id
}

// version orders the deliveries of one event (contract §2). The highest wins.
func version(stamp, offset int64) uint64 {
	const offsets = 1 << 20
	at := recordTime(stamp)
	if at == 0 {
		return uint64(offset)
	}
	return uint64(at)*offsets + uint64(offset%offsets)
}

// recordTime brings the timestamp of a record to milliseconds. Its size decides its
// unit. 0 means that it is absent, or too large for a version.
func recordTime(stamp int64) int64 {
	switch digits := len(strconv.FormatInt(stamp, 10)); {
	case stamp <= 0:
		return 0
	case digits <= 11:
		stamp *= 1000
	case digits <= 14:
	case digits <= 17:
		stamp /= 1000
	default:
		stamp /= 1_000_000
	}
	if stamp >= 1<<43 {
		return 0
	}
	return stamp
}

// timeOfVersion is the record's time as a version tells it. A version up to 2^60 may as
// well be an offset.
func timeOfVersion(v uint64) int64 {
	if v <= 1<<60 {
		return 0
	}
	return int64(v / (1 << 20))
}
