package transform

import (
	"errors"

	"github.com/pianola/pianola/schemas"
)

// The stages' rules for single values that are not in a message: the API's
// snapshot and exported files. They run the same code as messages, so that a
// subscriber is the same in every table. All are safe for concurrent use. A
// Worker is faster for messages.

// ErrTimestamp reports that a text is not a timestamp of contract §2, stage 2.
// ErrTimestampRange reports a timestamp before the year 2000. Both contain nothing
// of the text.
var (
	ErrTimestamp      = errors.New("no timestamp by the contract's notations")
	ErrTimestampRange = errors.New("the timestamp is before the year 2000")
)

// GuardedAddress is what Guard makes of an address with this hash.
func GuardedAddress(hash string) string { return "sha256:" + hash }

// Guard returns the text with every e-mail address replaced by "sha256:" and its
// hash (contract §2, stage 4).
func Guard(text string) string {
	var finder addressFinder
	guarded, addresses := finder.appendGuarded(nil, []byte(text))
	if addresses == 0 {
		return text
	}
	return string(guarded)
}

// HashAddress returns the hash of an e-mail address as 64 lower-case hexadecimal
// digits. ok is false when the text is not exactly one address.
func HashAddress(text string) (hash string, ok bool) {
	var finder addressFinder
	address, ok := finder.whole([]byte(text))
	if !ok {
		return "", false
	}
	return string(finder.appendHash(nil, address)), true
}

// Timestamp reads text like an optional timestamp of a message. It trims the
// text. An empty text, 1970 (none) and timestamps from 2200 on (never) are
// absent. Local times are in transform.source_timezone. The error is
// ErrTimestamp or ErrTimestampRange.
func (r *Rules) Timestamp(text string) (schemas.NullMillis, error) {
	b := trim([]byte(text))
	if len(b) == 0 {
		return schemas.NullMillis{}, nil
	}
	var cursor zoneCursor
	ms, result := optional(readInstant(b, &cursor, &r.zone))
	switch result {
	case instantRead:
		return schemas.NullMillis{Millis: schemas.Millis(ms), Valid: true}, nil
	case instantNone, instantNever:
		return schemas.NullMillis{}, nil
	case instantEarly, instantNegative:
		return schemas.NullMillis{}, ErrTimestampRange
	}
	return schemas.NullMillis{}, ErrTimestamp
}

// Internal reports whether the internal-user filter (contract §2, stage 3) drops
// a user: by the id, or by the domain of an address in email or in the id. email
// may be empty. Both must be unguarded.
func (r *Rules) Internal(userID, email string) bool {
	id := trim([]byte(userID))
	if _, known := r.internalIDs[string(id)]; known && len(id) > 0 {
		return true
	}
	var finder addressFinder
	return r.atInternalDomain(id, &finder) || r.atInternalDomain([]byte(email), &finder)
}
