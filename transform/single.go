package transform

import (
	"errors"

	"github.com/pianola/pianola/schemas"
)

// The stages' rules over single values, for what does not come as a message: the
// API's snapshot and exported files. Each is the code that a message goes through,
// so that one subscriber is one subscriber in every table. All are safe for
// concurrent use; a Worker is the fast way for messages.

// ErrTimestamp says that a text is no timestamp of contract §2, stage 2, or lies
// outside of what an optional one may be. It holds nothing of the text.
var ErrTimestamp = errors.New("no timestamp by the contract's notations")

// Guard gives the text with every e-mail address in it replaced by "sha256:" and
// its hash (contract §2, stage 4).
func Guard(text string) string {
	guarded, _, addresses := appendGuarded(nil, []byte(text), nil)
	if addresses == 0 {
		return text
	}
	return string(guarded)
}

// HashAddress gives the hash of an e-mail address as 64 lower-case hexadecimal
// digits, after trimming; ok is false where the text is not one whole address.
func HashAddress(text string) (hash string, ok bool) {
	address := trim([]byte(text))
	if !wholeAddress(address) {
		return "", false
	}
	hashed, _ := appendAddressHash(nil, address, nil)
	return string(hashed), true
}

// Timestamp reads text as an optional timestamp of a message is read: trimmed; no
// text, the epoch 0 and instants from 2200 on, which mean never, are none. Local
// times are in transform.source_timezone. The error is ErrTimestamp.
func (r *Rules) Timestamp(text string) (schemas.NullMillis, error) {
	b := trim([]byte(text))
	if len(b) == 0 {
		return schemas.NullMillis{}, nil
	}
	var cursor zoneCursor
	ms, verdict := readInstant(b, &cursor, &r.zone)
	switch {
	case verdict == instantZero || verdict == instantRead && ms >= year2200:
		return schemas.NullMillis{}, nil
	case verdict != instantRead || ms < 0:
		return schemas.NullMillis{}, ErrTimestamp
	}
	return schemas.NullMillis{Millis: schemas.Millis(ms), Valid: true}, nil
}

// Internal says whether the internal-user filter (contract §2, stage 3) drops a
// user: by the id, or by the domain of an address, which the id may be too. email
// may be empty. Both are as they came, before the guard.
func (r *Rules) Internal(userID, email string) bool {
	id := trim([]byte(userID))
	if _, known := r.internalIDs[string(id)]; known && len(id) > 0 {
		return true
	}
	return r.internalDomain(id) || r.internalDomain(trim([]byte(email)))
}

func (r *Rules) internalDomain(text []byte) bool {
	internal, _ := r.atInternalDomain(text, nil)
	return internal
}
