package pianoapi

import (
	"fmt"
	"strings"
)

// What every invented name begins with, and nothing else does.
const (
	CanaryFirst = "Kanarie"
	CanaryLast  = "Vogelsang"
)

// person is whose a subscription is.
type person struct {
	uid, email, first, last string
}

func makePerson(uid, email string, number int) person {
	return person{uid: uid, email: email, first: fmt.Sprintf("%s-%d", CanaryFirst, number), last: fmt.Sprintf("%s-%d", CanaryLast, number)}
}

// stranger is somebody whom the world does not know.
func inventedPerson(kind string, number int) person {
	return makePerson(fmt.Sprintf("%s-%07d", kind, number), fmt.Sprintf("%s.%s.%d@example.com", strings.ToLower(CanaryFirst), kind, number), number)
}
