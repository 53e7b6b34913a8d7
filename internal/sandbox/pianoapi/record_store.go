package pianoapi

import (
	"math/rand/v2"
	"slices"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// record is one subscription as the publisher knows it.
type record struct {
	index  int // in the world; -1 for other subscriptions
	number int // in the store
	id     string
	stored string
	user   person
	term   string
	// product is an index of the world's products.
	product  int
	resource string
	country  string
	begun    schemas.Millis // start of the life
	facts    []world.Fact   // since the world's end; all for other subscriptions
	hasRows  bool           // the tables have rows of it
	fixed    *account       // for a subscription without facts
	plant    func(*account) // changes what is served
	nextBill schemas.NullMillis
	moved    bool   // support has set nextBill
	method   string // with which support lets the next period be paid; empty: the user's first one
	hidden   bool   // the API does not have it
	acting   bool   // Live may act on it
	steady   bool   // reconciliation compares it for certain, unless an action follows
	busy     int    // delayed halves left

	state  world.State
	served Subscription
}

// recordStore holds the records and the order in which the API lists them. It is
// not safe for concurrent use: the Publisher holds its lock.
type recordStore struct {
	records []*record // in the order of the world; new ones at the end
	byID    map[string]*record
	byUser  map[string][]*record
	users   []string // every user once, in the order of the records
	// userNumbers are the places in users.
	userNumbers map[string]int
	lists       map[string][]*record // by status, least recently updated first
}

func newRecordStore() recordStore {
	return recordStore{byID: map[string]*record{}, byUser: map[string][]*record{}, lists: map[string][]*record{}, userNumbers: map[string]int{}}
}

// add adds a record that no list has yet.
func (s *recordStore) add(r *record) {
	s.records = append(s.records, r)
	s.byID[r.id] = r
	r.number = len(s.records) - 1
	if r.user.uid != "" && s.byUser[r.user.uid] == nil {
		s.userNumbers[r.user.uid] = len(s.users)
		s.users = append(s.users, r.user.uid)
	}
	s.byUser[r.user.uid] = append(s.byUser[r.user.uid], r)
}

// find returns a record by the id that the API knows, or nil.
func (s *recordStore) find(id string) *record {
	if r := s.byID[id]; r != nil && !r.hidden {
		return r
	}
	return nil
}

// update sets what the API returns for a record, and moves the record to the end of
// its list, because it is the one updated last.
func (s *recordStore) update(r *record, served Subscription) {
	s.unlist(r, r.served.Status)
	r.served = served
	if !r.hidden {
		s.lists[served.Status] = append(s.lists[served.Status], r)
	}
}

func (s *recordStore) unlist(r *record, status string) {
	list := s.lists[status]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == r {
			s.lists[status] = append(list[:i], list[i+1:]...)
			return
		}
	}
}

// query returns all records of a list, in the order that the query selects.
func (s *recordStore) query(q Query) []*record {
	list := s.lists[q.Status]
	switch {
	case q.UserID != "":
		list = nil
		for _, r := range s.byUser[q.UserID] {
			if !r.hidden && (q.Status == "" || r.served.Status == q.Status) {
				list = append(list, r)
			}
		}
	case q.Status == "":
		list = nil
		for _, r := range s.records {
			if !r.hidden {
				list = append(list, r)
			}
		}
	}
	return ordered(list, q.SelectBy)
}

// shift moves one row of every list to the end, as an update does.
func (s *recordStore) shift(dice *rand.Rand) {
	for status, list := range s.lists {
		if len(list) > 1 {
			r := list[dice.IntN(len(list))]
			s.unlist(r, status)
			s.lists[status] = append(s.lists[status], r)
		}
	}
}

// count returns how many subscriptions the API has.
func (s *recordStore) count() (n int) {
	for _, list := range s.lists {
		n += len(list)
	}
	return n
}

// ordered sorts a list by the given key. The order by update is the order of the
// list.
func ordered(list []*record, by string) []*record {
	key := func(r *record) int64 {
		if by == "create" {
			return r.served.StartDate
		}
		if r.served.NextBillDate == nil {
			return 0
		}
		return *r.served.NextBillDate
	}
	if by == "update" || by == "" {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *record) int { return int(key(a) - key(b)) })
	return list
}
