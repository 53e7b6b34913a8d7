package transform

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/bits"
	"slices"
)

// The suppression list (contract §2, erasure): whom `pianola erase` has removed. A
// message of such a person counts as filtered, after all stages, and leaves nothing.
//
// The list holds keyed hashes only. Without the key nobody can test whether a person is
// on it. After a change of the key it has entries of several keys, and each is tried.
//
// Three kinds of values are on it: a message may come without the user id, and a new
// subscription of the person without both but with the hash of the address.

// SuppressedKind is what an entry of the list is the hash of.
type SuppressedKind uint8

// The kinds. Their numbers are part of the hash and must not change.
const (
	SuppressedUser         SuppressedKind = 1
	SuppressedSubscription SuppressedKind = 2
	SuppressedAddress      SuppressedKind = 3 // the hash of an address
)

// MinSuppressionKey is the minimum size of the secret in bytes.
const MinSuppressionKey = 32

// ErrShortSuppressionKey reports a secret that is too short.
var ErrShortSuppressionKey = errors.New("the key of the suppression list needs at least 32 characters")

// SuppressionKey makes the entries. It is immutable and safe for concurrent use.
type SuppressionKey struct {
	secret   []byte
	tags     [SuppressedAddress + 1][2]uint64 // SipHash keys by kind
	identity string
}

// NewSuppressionKey derives the key from a secret.
func NewSuppressionKey(secret string) (*SuppressionKey, error) {
	if len(secret) < MinSuppressionKey {
		return nil, ErrShortSuppressionKey
	}
	k := &SuppressionKey{secret: []byte(secret)}
	for kind := range k.tags {
		derived := k.mac([]byte("pianola suppression tag"), []byte{byte(kind)})
		k.tags[kind] = [2]uint64{binary.LittleEndian.Uint64(derived[:8]), binary.LittleEndian.Uint64(derived[8:16])}
	}
	name := k.mac([]byte("pianola suppression key id"))
	k.identity = hex.EncodeToString(name[:8])
	return k, nil
}

// ID names the key without revealing it. A list that was made with another key matches
// nobody, so readers compare the ids.
func (k *SuppressionKey) ID() string { return k.identity }

func (k *SuppressionKey) mac(parts ...[]byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, k.secret)
	for _, part := range parts {
		h.Write(part) // a hash never fails
	}
	h.Sum(sum[:0])
	return sum
}

// SuppressionEntry is one line of the list.
type SuppressionEntry struct {
	// Hash is HMAC-SHA-256 of kind and value. It decides.
	Hash [sha256.Size]byte
	// Tag is SipHash-2-4 of the same under a derived key. It is a fast first look:
	// HMAC of three values would cost more than all stages.
	Tag uint64
}

// Entry is the entry of a value in its stored form: after trimming and the guard, and of
// an address its hash.
func (k *SuppressionKey) Entry(kind SuppressedKind, value string) SuppressionEntry {
	return SuppressionEntry{Hash: k.hash(kind, []byte(value)), Tag: k.tag(kind, []byte(value))}
}

func (k *SuppressionKey) hash(kind SuppressedKind, value []byte) [sha256.Size]byte {
	return k.mac([]byte{byte(kind)}, value)
}

func (k *SuppressionKey) tag(kind SuppressedKind, value []byte) uint64 {
	return sipHash(k.tags[kind][0], k.tags[kind][1], value)
}

// Suppression is a list in memory. It is immutable and safe for concurrent use; nil is
// the empty list.
type Suppression struct{ parts []keyedEntries }

// keyedEntries are the entries of one key.
type keyedEntries struct {
	key    *SuppressionKey
	filter []uint64 // a bit for each tag: most misses end here, since one in a map costs more
	tags   map[uint64]struct{}
	hashes map[[sha256.Size]byte]struct{}
}

// Add returns the list, which may be nil, with the entries of a further key. Each key costs
// further hashes of every message. Without entries the list stays as it is.
func (s *Suppression) Add(key *SuppressionKey, entries []SuppressionEntry) *Suppression {
	if len(entries) == 0 {
		return s
	}
	one := keyedEntries{key: key, tags: make(map[uint64]struct{}, len(entries)), hashes: make(map[[sha256.Size]byte]struct{}, len(entries))}
	one.filter = make([]uint64, 1<<bits.Len(uint(len(entries)/2))) // 32 to 64 bits an entry
	for _, e := range entries {
		word, bit := one.place(e.Tag)
		one.filter[word] |= bit
		one.tags[e.Tag], one.hashes[e.Hash] = struct{}{}, struct{}{}
	}
	if s == nil {
		return &Suppression{[]keyedEntries{one}}
	}
	return &Suppression{append(slices.Clip(s.parts), one)}
}

// Len is the number of entries.
func (s *Suppression) Len() (n int) {
	if s == nil {
		return 0
	}
	for i := range s.parts {
		n += len(s.parts[i].hashes)
	}
	return n
}

// Has reports whether a value in its stored form is on the list.
func (s *Suppression) Has(kind SuppressedKind, value string) bool {
	return s != nil && s.has(kind, []byte(value))
}

func (s *Suppression) has(kind SuppressedKind, value []byte) bool {
	if len(value) == 0 {
		return false
	}
	for i := range s.parts {
		if s.parts[i].has(kind, value) {
			return true
		}
	}
	return false
}

func (e *keyedEntries) has(kind SuppressedKind, value []byte) bool {
	tag := e.key.tag(kind, value)
	if word, bit := e.place(tag); e.filter[word]&bit == 0 {
		return false
	}
	if _, maybe := e.tags[tag]; !maybe {
		return false
	}
	_, listed := e.hashes[e.key.hash(kind, value)]
	return listed
}

// place is the bit of a tag in the filter.
func (e *keyedEntries) place(tag uint64) (word int, bit uint64) {
	return int(tag >> 6 & uint64(len(e.filter)-1)), 1 << (tag & 63)
}

// Suppress replaces the list that the workers of these rules obey, from their next
// message on. nil is the empty list.
func (r *Rules) Suppress(list *Suppression) { r.suppression.Store(list) }

// Suppressed reports whether a subscription or its user is on the list. Both are in
// their stored form, and may be empty.
func (r *Rules) Suppressed(subscription, user string) bool {
	list := r.suppression.Load()
	return list.Has(SuppressedSubscription, subscription) || list.Has(SuppressedUser, user)
}

// suppress turns the result of a message of a listed person into a filtered one that
// names nobody.
func (w *Worker) suppress(list *Suppression, message []byte) {
	r := &w.result
	listed := false
	switch r.Outcome {
	case Stored:
		e := r.Event
		listed = list.has(SuppressedSubscription, e.SubscriptionID) || list.has(SuppressedUser, e.UserID) ||
			list.has(SuppressedAddress, e.UserEmailHashSHA256)
		if !listed && list.has(SuppressedSubscription, e.UpgradeToSubscriptionID) {
			e.UpgradeToSubscriptionID = nil // somebody else's event, which names a subscription of the person
		}
	case Filtered:
		listed = r.SubscriptionID != nil && w.mentions(list, message)
	case DeadLettered:
		listed = w.mentions(list, message)
	}
	if listed {
		notes := r.Notes
		notes.Suppressed++
		*r = Result{Outcome: Filtered, Notes: notes}
	}
}

// mentions reports whether any field of a readable message is on the list, each
// repetition included: a dead letter keeps them all.
func (w *Worker) mentions(list *Suppression, message []byte) bool {
	if !w.readable {
		return false // its dead letter has no readable text
	}
	body := withoutPrefix(message)
	r := redactor{rules: w.rules}
	var s scanner
	var m member
	s.reset(body)
	s.space()
	s.pos++
	for s.member(&m) {
		f := w.rules.names.find(r.decode(&m.name))
		if m.value.kind != textKind && m.value.kind != numberKind {
			continue
		}
		switch f {
		case subscriptionID, upgradeToSubscriptionID:
			if list.has(SuppressedSubscription, r.guard(trim(r.decode(&m.value)))) {
				return true
			}
		case userID:
			if list.has(SuppressedUser, r.guard(trim(r.decode(&m.value)))) {
				return true
			}
		case userEmailHash, userEmail, email:
			text := trim(r.decode(&m.value))
			if address, ok := r.addresses.whole(text); ok {
				if list.has(SuppressedAddress, r.addresses.appendHash(nil, address)) {
					return true
				}
			} else if isHash(text) && list.has(SuppressedAddress, appendLower(nil, text)) {
				return true
			}
		}
	}
	return false
}
