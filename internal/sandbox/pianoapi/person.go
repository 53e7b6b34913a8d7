package pianoapi

import (
	"fmt"
	"strings"
)

// The prefixes of every invented name. No other text contains them.
const (
	CanaryFirst = "Kanarie"
	CanaryLast  = "Vogelsang"
)

// person is the owner of a subscription.
type person struct {
	uid, email, first, last string
}

func makePerson(uid, email string, number int) person {
	return person{uid: uid, email: email, first: fmt.Sprintf("%s-%d", CanaryFirst, number), last: fmt.Sprintf("%s-%d", CanaryLast, number)}
}

// inventedPerson returns a person who is not in the world.
func inventedPerson(kind string, number int) person {
	return makePerson(fmt.Sprintf("%s-%07d", kind, number), fmt.Sprintf("%s.%s.%d@example.com", strings.ToLower(CanaryFirst), kind, number), number)
}
