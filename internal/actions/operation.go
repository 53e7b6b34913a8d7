package actions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/transform"
)

// operation is an action in terms of Piano's API.
type operation struct {
	request Request // what is sent, without texts
	object  string  // what it is about besides the subscription, as in actions_log
	look    func(context.Context) (*sight, error)
	// resolve fills in what depends on the present state; nil for nothing.
	resolve func(*Action, *sight) error
	// refuse adds to Decide what depends on the values of the action; nil for nothing.
	refuse func(*sight) (why string, needless bool)
	send   func(context.Context) error
	// done reports whether the second look shows the effect that the first did not.
	done func(before, after *sight) bool
	// expect are the values that the request changes.
	expect map[string]string
	// warn is what the agent should know before; empty for nothing.
	warn func(*sight, customer.Features) string
	// pending says that the effect has started and takes longer; empty where it has not. Nil
	// for effects that show at once.
	pending func(before, after *sight) string
	// later: such an effect is not expected to show now.
	later bool
}

// lookPaths are the calls that read what an action is about.
var lookPaths = map[targetPart]string{
	partUser: piano.GetUser.Path(), partSubscription: getEndpoint, partPayment: piano.GetPayment.Path(),
	partAccess: piano.ListAccess.Path(), partInquiry: piano.ListInquiries.Path(),
}

// sight is what one look has read.
type sight struct {
	target Target
	values map[string]string // what is shown and recorded; nothing personal
	// ignored are names of values that may change between plan and execution.
	ignored            []string
	user, subscription string
	private            any // for done alone
}

// absent is an error of a look whose object does not exist.
type absent struct{ what string }

// Error says what does not exist.
func (a absent) Error() string { return a.what }

// found turns the error of a read into absent where there is no such object.
func found(err error, what string) error {
	if errors.Is(err, piano.ErrNotFound) || errors.Is(err, piano.ErrNoUser) {
		return absent{what}
	}
	return err
}

// ofUser checks that an object is of the user that the action names, where it names one.
func (s *sight) ofUser(uid string) error {
	if uid = transform.Guard(strings.TrimSpace(uid)); uid != "" && s.user != "" && s.user != uid {
		return absent{"it belongs to another user"}
	}
	return nil
}

// digest is that of the values that a plan relies on.
func (s *sight) digest(k Kind) string {
	relied := maps.Clone(s.values)
	for _, name := range s.ignored {
		delete(relied, name)
	}
	text, _ := json.Marshal(relied) // texts only, sorted by name
	sum := sha256.Sum256(append([]byte(string(k)+"\n"+s.user+"\n"), text...))
	return hex.EncodeToString(sum[:16])
}

// json is the values as actions_log has them.
func (s *sight) json() string {
	text, _ := json.Marshal(s.values)
	return transform.Guard(string(text))
}

// changed names the values that differ between two looks.
func changed(before, after map[string]string) []string {
	var names []string
	for name := range after {
		if before[name] != after[name] {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// operation translates an action. Its look and send use ctx of their call.
func (s *Actions) operation(a Action) operation {
	switch a.Kind.rule().about {
	case partSubscription:
		return s.subscriptionOperation(a)
	case partPayment:
		return s.refundOperation(a)
	case partAccess:
		return s.accessOperation(a)
	case partInquiry:
		return s.inquiryOperation(a)
	default:
		switch a.Kind {
		case AddNote:
			return s.noteOperation(a)
		case EditNote:
			return s.editOperation(a)
		default:
			return s.grantOperation(a)
		}
	}
}

// instantText is a date in values and requests.
func instantText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// endText is the end of an access.
func endText(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return instantText(t)
}

func epochText(t *time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// lengthText replaces a text that is not shown.
func lengthText(characters int) string { return fmt.Sprintf("(%d characters)", characters) }

func sameInstant(a, b *time.Time) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Unix() == b.Unix())
}
