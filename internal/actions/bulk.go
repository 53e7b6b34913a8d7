package actions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/transform"
)

// Item is one line of a bulk job.
type Item struct {
	Line int
	// Key identifies the item in its job: an id, or the hash of an address.
	Key    string
	Action Action
	// Email is the address of the user, where the line has one instead of a user id.
	Email customer.Personal
}

// Line is the report of one item.
type Line struct {
	Line     int     `json:"line"`
	Key      string  `json:"key"`
	UserID   string  `json:"user_id,omitempty"`
	Outcome  Outcome `json:"outcome"`
	Why      string  `json:"why"`
	ActionID string  `json:"action_id,omitempty"`
	Repeated bool    `json:"repeated,omitempty"` // it was done before, and nothing was sent now
}

// maxFailedLines ends a job after so many failed lines in a row: they have one cause.
const maxFailedLines = 5

// errStopped: a job ended before its last line.
var errStopped = errors.New("the job was stopped")

// JobID is the id of a job: the same command with the same flags continues it. The items are
// not part of it, so an edited file repeats none of its lines. name tells deliberate
// repetitions apart.
func JobID(name string, request []string) string {
	h := sha256.New()
	for _, text := range append([]string{name}, request...) {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// planID is the id of an item's plan. It is the same in every run of the job, so an item
// that was done is not done again.
func planID(job, key string) uuid.UUID {
	sum := sha256.Sum256([]byte(job + "\x00" + key))
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8: by own rules
	return id
}

// Bulk plans or executes the items one after another, and calls report for each. A job
// that was interrupted continues where it stopped: an item with a result is not sent
// again. An item that failed or was refused is tried again.
//
// The error says why a job ended before its last item.
func (s *Actions) Bulk(ctx context.Context, job string, items []Item, reason string, execute bool, report func(Line)) error {
	failed := 0
	done := s.Progress.Count("process the lines", "lines", uint64(len(items)))
	one := *s
	one.Progress = nil // the lines are counted instead
	for n, item := range items {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%w after %d of %d lines: %w", errStopped, n, len(items), err)
		}
		line, err := one.item(ctx, job, item, reason, execute)
		report(line)
		done.Add(1)
		if failed++; err == nil {
			failed = 0
		}
		switch {
		case err == nil:
		case errors.Is(err, piano.ErrAccess), errors.Is(err, errUnwritten), failed >= maxFailedLines, ctx.Err() != nil:
			return fmt.Errorf("%w after %d of %d lines: %w", errStopped, n+1, len(items), err)
		}
	}
	return nil
}

// item plans or executes one item.
func (s *Actions) item(ctx context.Context, job string, item Item, reason string, execute bool) (Line, error) {
	line := Line{Line: item.Line, Key: transform.Guard(item.Key), UserID: transform.Guard(item.Action.UserID)}
	fail := func(err error) (Line, error) {
		line.Outcome, line.Why = Failed, transform.Guard(err.Error())
		return line, err
	}
	if !item.Email.Empty() {
		user, err := s.Customers.ByEmail(ctx, item.Email)
		switch {
		case errors.Is(err, piano.ErrNoUser):
			line.Outcome, line.Why = Refused, "Piano has no user with this e-mail address"
			return line, nil
		case err != nil:
			return fail(err)
		}
		item.Action.UserID, line.UserID = user.UID, user.UID
	}
	id := planID(job, item.Key)
	line.ActionID = id.String()
	if !execute {
		p, err := s.prepare(ctx, id, item.Action)
		if err != nil {
			return fail(err)
		}
		line.Outcome, line.Why = p.plan.Outcome, p.plan.Why
		return line, nil
	}
	r, err := s.Execute(ctx, &Plan{ID: id, Action: item.Action, Job: job, immediate: true}, reason)
	if r == nil {
		return fail(err)
	}
	line.Outcome, line.Why, line.Repeated = r.Outcome, r.Why, r.Repeated
	if errors.Is(err, errUnfinished) {
		err = nil // an earlier failure, which the line reports
	}
	return line, err
}

// maxItems limits a file.
const maxItems = 100_000

// ParseLines splits the text of a file: an entry a line. Empty lines and lines that start
// with # are left out, and so are repetitions.
func ParseLines(text string) (entries []string, numbers []int, err error) {
	known := map[string]bool{}
	n := 0
	for raw := range strings.Lines(text) {
		n++
		entry := strings.TrimSpace(strings.TrimPrefix(raw, "\ufeff"))
		switch {
		case entry == "" || entry[0] == '#' || known[entry]:
			continue
		case len(entry) > 500:
			return nil, nil, fmt.Errorf("%w: line %d is longer than 500 bytes", ErrAction, n)
		case len(entries) == maxItems:
			return nil, nil, fmt.Errorf("%w: the file has more than %d entries", ErrAction, maxItems)
		}
		known[entry] = true
		entries, numbers = append(entries, entry), append(numbers, n)
	}
	if len(entries) == 0 {
		return nil, nil, fmt.Errorf("%w: the file has no entries", ErrAction)
	}
	return entries, numbers, nil
}

// ParseUsers reads user ids and e-mail addresses by line or comma, as a pasted or uploaded
// list has them. action is completed for each. An error names the line and shows nothing
// of it.
func ParseUsers(text string, action Action) ([]Item, error) {
	entries, numbers, err := ParseLines(text)
	if err != nil {
		return nil, err
	}
	var items []Item
	known := map[string]bool{}
	for i, entry := range entries {
		for part := range strings.FieldsFuncSeq(entry, func(r rune) bool { return r == ',' || r == ';' }) {
			part = strings.Trim(strings.TrimSpace(part), `"'`)
			item := Item{Line: numbers[i], Key: part, Action: action}
			hash, isAddress := transform.HashAddress(part)
			switch {
			case part == "":
				continue
			case isAddress:
				item.Key, item.Email = "sha256:"+hash, customer.NewPersonal(part)
			case strings.ContainsAny(part, "@ \t"):
				return nil, fmt.Errorf("%w: line %d has something that is neither a user id nor an e-mail address", ErrAction, numbers[i])
			default:
				item.Action.UserID = part
			}
			if known[item.Key] {
				continue
			}
			known[item.Key] = true
			items = append(items, item)
		}
	}
	return items, nil
}
