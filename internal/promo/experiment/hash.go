package experiment

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// ArmOf is the index of a user's arm. It depends on experiment, salt and user alone. The
// hash has a key of the experiment, so two experiments split the same users independently.
func (e *Experiment) ArmOf(user string) int {
	h := hmac.New(sha256.New, []byte(e.salt))
	h.Write([]byte(e.ID))
	h.Write([]byte{0x1f}) // names have no control characters
	h.Write([]byte(user))
	var total uint64
	for _, w := range e.weights() {
		total += uint64(w)
	}
	// The first 64 bits as a fraction of all weights.
	place, _ := bits.Mul64(binary.BigEndian.Uint64(h.Sum(nil)), total)
	for i, w := range e.weights() {
		if place < uint64(w) {
			return i
		}
		place -= uint64(w)
	}
	return len(e.Arms) - 1 // place is below the sum of all weights
}
