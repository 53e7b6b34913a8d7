package care

import (
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/safetext"
)

// sight is whether personal texts are shown.
type sight bool

// name is a name or an address: its first letter only, unless shown.
func (s sight) name(p customer.Personal) string {
	switch text := []rune(safetext.Cell(p.Reveal())); {
	case len(text) == 0:
		return ""
	case bool(s):
		return string(text)
	default:
		return string(text[0]) + "•••"
	}
}

// text is a text that a person wrote: its length only, unless shown.
func (s sight) text(p customer.Personal) string {
	switch {
	case p.Empty():
		return ""
	case !bool(s):
		return fmt.Sprintf("(hidden, %d characters)", p.Len())
	}
	lines := strings.Split(strings.ReplaceAll(p.Reveal(), "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = safetext.Cell(line)
	}
	return strings.Join(lines, "\n")
}

// nameOf is the name of a user.
func (s sight) nameOf(u customer.User) string {
	if u.FirstName.Empty() && u.LastName.Empty() {
		return s.name(u.Name)
	}
	return strings.TrimSpace(s.name(u.FirstName) + " " + s.name(u.LastName))
}

// dateText is a day, and instantText a moment; both in UTC.
func dateText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

func instantText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}
