package wire

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Number parses a whole number of at least low.
func Number(r *http.Request, name string, low int) (int, bool) {
	n, err := strconv.Atoi(r.Form.Get(name))
	return n, err == nil && n >= low
}

// Flag parses true or false.
func Flag(r *http.Request, name string) (value, ok bool) {
	switch r.Form.Get(name) {
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		return false, false
	}
}

// FlagOr parses a flag that may be absent. ok is false for another text.
func FlagOr(r *http.Request, name string, absent bool) (value, ok bool) {
	if r.Form.Get(name) == "" {
		return absent, true
	}
	return Flag(r, name)
}

// Instant parses a date in seconds since 1970, UTC.
func Instant(r *http.Request, name string) (time.Time, bool) {
	n, err := strconv.ParseInt(r.Form.Get(name), 10, 64)
	return time.Unix(n, 0).UTC(), err == nil && n > 0
}

// Texts returns the values of a repeatable parameter. Each may hold several values with
// commas between them.
func Texts(r *http.Request, name string) []string {
	var all []string
	for _, value := range r.Form[name] {
		for one := range strings.SplitSeq(value, ",") {
			if one = strings.TrimSpace(one); one != "" {
				all = append(all, one)
			}
		}
	}
	return all
}

// Missing returns the error of the first required parameter that is absent or empty.
func Missing(r *http.Request, names ...string) (a Answer, missing bool) {
	for _, name := range names {
		if r.Form.Get(name) == "" {
			return Invalid(name, "is required"), true
		}
	}
	return Answer{}, false
}

// OneOf returns a parameter with one of a few values. An absent one has the first.
func OneOf(r *http.Request, name string, values ...string) (string, bool) {
	value := r.Form.Get(name)
	if value == "" {
		return values[0], true
	}
	return value, slices.Contains(values, value)
}

// Paging reads offset and limit, which are required. A limit above the maximum is cut,
// as in Piano's lists.
func Paging(r *http.Request, maxLimit int) (p Page, a Answer, ok bool) {
	if p.Offset, ok = Number(r, "offset", 0); !ok {
		return p, Invalid("offset", "must be a number from 0 on"), false
	}
	if p.Limit, ok = Number(r, "limit", 1); !ok {
		return p, Invalid("limit", "must be a number from 1 on"), false
	}
	p.Limit = min(p.Limit, maxLimit)
	return p, Answer{}, true
}

// List returns one page of a list, each entry as show writes it.
func List[T, S any](key string, all []T, p Page, show func(T) S) Answer {
	p.Total = len(all)
	shown := []S{} // a list is never null
	for _, one := range all[min(p.Offset, len(all)):min(p.Offset+p.Limit, len(all))] {
		shown = append(shown, show(one))
	}
	p.Count = len(shown)
	return Answer{Key: key, Payload: shown, Page: &p}
}

// Same is a show for List where the entries are written as they are.
func Same[T any](one T) T { return one }
