package pianoapi

import (
	"fmt"
	"strings"
)

// person is the owner of a subscription.
type person struct {
	uid, email, first, last string
}

// inventedPerson returns a person who is not in the world.
func inventedPerson(kind string, number int) person {
	return makePerson(fmt.Sprintf("%s-%07d", kind, number), fmt.Sprintf("%s.%s.%d@example.com", strings.ToLower(CanaryFirst), kind, number), number)
}
