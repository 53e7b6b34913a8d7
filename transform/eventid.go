package transform

import (
	"encoding/binary"
	"strconv"

	"github.com/twmb/murmur3"

	"github.com/pianola/pianola/schemas"
)

// unitSeparator separates the parts of an identity. A subscription id has no
// control character, so two identities never have the same text.
const unitSeparator = 0x1f

// appendIdentity appends the input of the event id's hash.
func appendIdentity(dst, subscription []byte, at schemas.Millis, action []byte) []byte {
	dst = append(dst, subscription...)
	dst = append(dst, unitSeparator)
	dst = strconv.AppendInt(dst, int64(at), 10)
	dst = append(dst, unitSeparator)
	return append(dst, action...)
}

// eventID is MurmurHash3 x64 128 with seed 0 over the identity (contract §2,
// event id), h1 then h2, big-endian; the same value as
// reinterpretAsUUID(murmurHash3_128(…)) in ClickHouse.
func (w *Worker) eventID(subscription []byte, at schemas.Millis, action []byte) (id schemas.EventID) {
	start := len(w.arena)
	w.arena = appendIdentity(w.arena, subscription, at, action)
	h1, h2 := murmur3.Sum128(w.arena[start:])
	w.arena = w.arena[:start]
	binary.BigEndian.PutUint64(id[:8], h1)
	binary.BigEndian.PutUint64(id[8:], h2)
	return id
}
