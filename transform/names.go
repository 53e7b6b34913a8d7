package transform

// nameTable finds the field of a name: the contract's names and the configured
// aliases, exact and case-sensitive, in about one probe. It is immutable.
type nameTable struct {
	slots   []uint16 // index into entries plus one, 0 where free; a power of two long
	entries []nameEntry
}

type nameEntry struct {
	name  string
	field field
}

// newNames builds the table, at most a quarter full. Validate bounds the number
// of aliases.
func newNames(aliases map[string]field) nameTable {
	entries := make([]nameEntry, 0, int(fieldCount)+len(aliases))
	for f, known := range fieldTable {
		entries = append(entries, nameEntry{known.name, field(f)})
	}
	for alias, f := range aliases {
		entries = append(entries, nameEntry{alias, f})
	}
	size := 256
	for size < 4*len(entries) {
		size *= 2
	}
	n := nameTable{slots: make([]uint16, size), entries: entries}
	for i, e := range entries {
		at := nameHash([]byte(e.name)) & (size - 1)
		for n.slots[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		n.slots[at] = uint16(i + 1)
	}
	return n
}

// find returns the field, or noField for an unknown name.
func (n *nameTable) find(name []byte) field {
	if len(name) == 0 {
		return noField
	}
	mask := len(n.slots) - 1
	for at := nameHash(name) & mask; ; at = (at + 1) & mask {
		slot := n.slots[at&mask]
		if slot == 0 {
			return noField
		}
		if e := &n.entries[slot-1]; e.name == string(name) {
			return e.field
		}
	}
}

// nameHash uses the length and three bytes, which distinguish the contract's
// names. Probing handles the rest. The name must not be empty.
func nameHash(name []byte) int {
	last := len(name) - 1
	return len(name)*11 + int(name[0]) + int(name[last])*31 + int(name[last/2])*7
}
