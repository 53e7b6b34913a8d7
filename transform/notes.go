package transform

// Notes count what a message had that is worth watching and no reason to refuse
// it. They are counted for every outcome, as far as the stages got.
type Notes struct {
	UnknownFields          uint32 // members of the outermost object that are no field
	EmailHashDisagreements uint32 // a given hash that is not the hash of the address beside it
	EmptyHashes            uint32 // the hash of the empty text, taken as absent
	AddressesInHashField   uint32 // an address where a hash should be, hashed
	IgnoredEmails          uint32 // an e-mail that is no address, beside a valid hash
	GuardedAddresses       uint32 // addresses that the PII guard replaced in other texts
	UnknownActions         uint32 // stored under their own text
	DroppedActions         uint32 // filtered because the action is unknown
	NeverTimestamps        uint32 // of 2200 or later, taken as none
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
}
