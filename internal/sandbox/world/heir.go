package world

import (
	"bytes"
	"iter"

	"github.com/pianola/pianola/schemas"
)

// heir is an identity whose row may have taken over from a message that has left it.
type heir struct {
	versions []uint64 // of the messages that have left, above the winner's
	others   []winner // further messages of the identity
}

// addHeirs notes which rows may be heirs. departed has the versions of the messages that
// have left an identity.
//
// The row of an heir need not come from the winner: of a message that arrived after the
// takeover the version is too low to replace it. Such a message has the bytes of an
// earlier one, because only a mirrored record has an old timestamp. So the row still has
// the winner's columns, from the earlier message.
func (tr *Truth) addHeirs(departed map[schemas.EventID][]uint64, readings iter.Seq[reading]) {
	tr.heirs = map[schemas.EventID]*heir{}
	for id, versions := range departed {
		i, stays := tr.winners.byID[id]
		if !stays {
			continue
		}
		h := &heir{}
		for _, v := range versions {
			if v > tr.winners.list[i].version {
				h.versions = append(h.versions, v)
			}
		}
		if len(h.versions) > 0 {
			tr.heirs[id] = h
		}
	}
	for one := range readings {
		if one.after.outcome != stored {
			continue
		}
		if h := tr.heirs[one.after.row.ID]; h != nil {
			h.others = append(h.others, winner{version(one.stamp, one.Offset), one.Offset, int64(one.after.row.EventTimestamp), uint32(one.index), 0, true})
		}
	}
}

// inherited returns the other forms that the row of an heir may have: the version of a
// message that has left, and the source of a message with the same columns.
func (tr *Truth) inherited(enc *encoder, row *Row) []Row {
	h := tr.heirs[row.ID]
	if h == nil {
		return nil
	}
	var forms []Row
	want := row.AppendContract(nil)
	for i := range h.others {
		other := tr.rowOf(enc, &h.others[i], row.Partition)
		if !bytes.Equal(other.AppendContract(nil), want) || !bytes.Equal(other.SubscriptionActionRaw, row.SubscriptionActionRaw) {
			continue
		}
		for _, v := range h.versions {
			if v > other.Version {
				form := other
				form.Version = v
				forms = append(forms, form)
			}
		}
	}
	return forms
}
