package care

import (
	"fmt"
	"strconv"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/schemas"
)

// file is what support has about one user beside the subscriptions.
type file struct {
	owner     user
	grants    []*grant
	inquiries []*inquiry
	notes     []*note
	mails     []*mail
	methods   []*method
}

// file returns the file of a user. It is made from the seed as long as nothing in it has
// changed, so a caller that changes something calls keep.
func (d *Desk) file(u user) *file {
	if f := d.files[u.UID]; f != nil {
		return f
	}
	owned := d.Holdings(u.UID)
	return &file{
		owner: u, grants: d.seedGrants(u), inquiries: d.seedInquiries(u, owned), notes: d.seedNotes(u), mails: d.seedMails(u, owned),
		methods: d.seedMethods(u, owned),
	}
}

// grantsOf, methodsOf and inquiriesOf return one part of a file without making the others.
func (d *Desk) grantsOf(u user) []*grant {
	if f := d.files[u.UID]; f != nil {
		return f.grants
	}
	return d.seedGrants(u)
}

func (d *Desk) methodsOf(u user, owned []pianoapi.Holding) []*method {
	if f := d.files[u.UID]; f != nil {
		return f.methods
	}
	return d.seedMethods(u, owned)
}

func (d *Desk) inquiriesOf(u user, owned []pianoapi.Holding) []*inquiry {
	if f := d.files[u.UID]; f != nil {
		return f.inquiries
	}
	return d.seedInquiries(u, owned)
}

// keep returns the file of a user for a change.
func (d *Desk) keep(u user) *file {
	f := d.file(u)
	d.files[u.UID] = f
	return f
}

// fileByID returns the file that an id of one of its parts names, and the place of the
// part.
func (d *Desk) fileByID(prefix, id string) (f *file, at int, ok bool) {
	number, at, ok := parseID(prefix, id)
	if !ok {
		return nil, 0, false
	}
	uid, ok := d.UserAt(number)
	if !ok {
		return nil, 0, false
	}
	u, ok := d.user(uid)
	if !ok {
		return nil, 0, false
	}
	return d.file(u), at, true
}

// partID is the id of a part of a file, or of an event of a subscription: the number of the
// owner and the place of the part.
func partID(prefix string, number, at int) string {
	return fmt.Sprintf("%s%07d%04d", prefix, number, at)
}

func parseID(prefix, id string) (number, at int, ok bool) {
	const digits = 11
	if len(id) != len(prefix)+digits || id[:len(prefix)] != prefix {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(id[len(prefix):], 10, 64)
	return int(n / 10_000), int(n % 10_000), err == nil
}

// since returns a time in the past, by chance, at most that many days before the desk was
// opened. Two reads of a file return the same, as Piano's do.
func (d *Desk) since(days uint64, what, key string) schemas.Millis {
	return d.opened - schemas.Millis(d.draw(what, key)%(days*uint64(day))) - hour
}
