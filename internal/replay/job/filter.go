package job

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pianola/pianola/transform"
)

// The keys of a filter.
const (
	filterAction       = "action"
	filterSubscription = "subscription"
)

var errFilter = errors.New("use action=ACTION,subscription=ID; several values of a key are alternatives")

// ParseFilter reads action=Renewed,subscription=a,subscription=b. An action may be
// written as any of its synonyms. unknown has the actions outside of the twelve: an event
// may have one, but it is more often a typing error. An address becomes its hash, as in
// events.
func ParseFilter(text string, rules *transform.Rules) (f Filter, unknown []string, err error) {
	if text == "" {
		return Filter{}, nil, nil
	}
	for term := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(term, "=")
		value = strings.TrimSpace(value)
		if !found || value == "" {
			return Filter{}, nil, errFilter
		}
		switch strings.TrimSpace(key) {
		case filterAction:
			action, known := rules.CanonicalAction(value)
			if !known {
				action = transform.Guard(value)
				unknown = append(unknown, action)
			}
			f.Actions = append(f.Actions, action)
		case filterSubscription:
			f.Subscriptions = append(f.Subscriptions, transform.Guard(value))
		default:
			return Filter{}, nil, fmt.Errorf("unknown key; %w", errFilter)
		}
	}
	return f, unknown, nil
}
