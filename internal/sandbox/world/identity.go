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
	return uint64(clampStamp(stamp))*offsets + uint64(offset%offsets)
}
