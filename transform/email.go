package transform

import (
	"bytes"

	"github.com/pianola/pianola/schemas"
)

// Stage 4, e-mail hashing (contract §2). The guard, its other half, is in
// guard.go.

// hashEmail sets user_email_hash_sha256. A given hash, or an address in the hash
// field, wins over a plaintext e-mail.
func (w *Worker) hashEmail() bool {
	if given := w.texts[userEmailHash]; given != nil {
		if !w.readHash(given) {
			return w.refuse(schemas.InvalidValue, userEmailHash, hashDetail)
		}
	}
	text, f := w.plaintext()
	if text == nil {
		return true
	}
	address, ok := w.addresses.whole(text)
	switch {
	case !ok && w.hash == nil:
		return w.refuse(schemas.InvalidValue, f, addressDetail)
	case !ok:
		w.result.Notes.IgnoredEmails++
	case w.hash == nil:
		w.hash = w.addressHash(address)
	case !bytes.Equal(w.hash, w.addressHash(address)):
		w.result.Notes.EmailHashDisagreements++
	}
	return true
}

// readHash reads the hash field.
func (w *Worker) readHash(given []byte) bool {
	if isHash(given) {
		w.hash = w.lowerHash(given)
		if string(w.hash) == emptyHash {
			w.hash = nil
			w.result.Notes.EmptyHashes++
		}
		return true
	}
	address, ok := w.addresses.whole(given)
	if ok {
		w.hash = w.addressHash(address)
		w.result.Notes.AddressesInHashField++
	}
	return ok
}

// lowerHash is a given hash in lower case. It is borrowed if it is lower case
// already.
func (w *Worker) lowerHash(given []byte) []byte {
	for _, c := range given {
		if 'A' <= c && c <= 'F' {
			start := len(w.arena)
			w.arena = appendLower(w.arena, given)
			return w.arena[start:len(w.arena):len(w.arena)]
		}
	}
	return given
}

// addressHash hashes an address, in its normal form, into the arena.
func (w *Worker) addressHash(address []byte) []byte {
	start := len(w.arena)
	w.arena = w.addresses.appendHash(w.arena, address)
	return w.arena[start:len(w.arena):len(w.arena)]
}
