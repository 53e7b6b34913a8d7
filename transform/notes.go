package transform

// Notes count irregularities of a message that are worth watching but do not
// refuse it. They count for every outcome, as far as the stages got.
type Notes struct {
	UnknownFields          uint32 // unknown names in the outermost object
	EmailHashDisagreements uint32 // a given hash that differs from the hash of the given address
	EmptyHashes            uint32 // the hash of the empty text, treated as absent
	AddressesInHashField   uint32 // an address in the hash field, hashed
	IgnoredEmails          uint32 // an e-mail that is not an address, with a valid hash
	GuardedAddresses       uint32 // addresses that the PII guard replaced in other texts
	UnknownActions         uint32 // unknown actions stored with their own text
	DroppedActions         uint32 // events filtered because of an unknown action
	NeverTimestamps        uint32 // timestamps of 2200 or later, treated as absent
	Suppressed             uint32 // messages filtered because their person was erased
}

// Add adds another message's notes to a running total.
func (n *Notes) Add(other Notes) {
	n.UnknownFields += other.UnknownFields
	n.EmailHashDisagreements += other.EmailHashDisagreements
	n.EmptyHashes += other.EmptyHashes
	n.AddressesInHashField += other.AddressesInHashField
	n.IgnoredEmails += other.IgnoredEmails
	n.GuardedAddresses += other.GuardedAddresses
	n.UnknownActions += other.UnknownActions
	n.DroppedActions += other.DroppedActions
	n.NeverTimestamps += other.NeverTimestamps
	n.Suppressed += other.Suppressed
}
