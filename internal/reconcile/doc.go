// Package reconcile holds what Piano's API says beside what the events amount to,
// and says where the two disagree.
//
// Words:
//
//   - snapshot: every subscription as the API or an export had it, stored whole
//     under one id; complete only once its last page is in.
//   - as of: the moment that a snapshot speaks of, when reading began.
//   - tombstone: a row that stands for a subscription which the API no longer has.
//   - candidate: a subscription that differs, before it has been asked about again.
//   - drift: a disagreement that remains.
//   - settle: the time after which a message that belongs to a snapshot's moment
//     is expected to have arrived.
//
// The rules of state are schemas.StateQuery, those of comparing are compare.sql;
// docs/reconcile.md has both in words.
package reconcile
