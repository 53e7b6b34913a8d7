package letters

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/schemas"
)

// Cursor is the place of a dead letter in the list. The zero value is before the first one.
type Cursor struct {
	decidedAt time.Time
	at        schemas.Coordinates
}

var errCursor = errors.New("not a place in the list of dead letters; start again at its first page")

// Cursor is the place of this dead letter.
func (l *Letter) Cursor() Cursor { return Cursor{decidedAt: l.DecidedAt, at: l.coordinates()} }

// IsZero reports whether the cursor is before the first dead letter.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// String is the cursor as a part of an address.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return strconv.FormatInt(c.decidedAt.UnixMilli(), 10) + "/" + c.at.String()
}

// ParseCursor reads the form of String.
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	decided, at, _ := strings.Cut(text, "/")
	millis, err := strconv.ParseInt(decided, 10, 64)
	if err != nil || millis < 0 {
		return Cursor{}, errCursor
	}
	c := Cursor{decidedAt: time.UnixMilli(millis).UTC()}
	if c.at, err = ParseCoordinates(at); err != nil {
		return Cursor{}, errCursor
	}
	return c, nil
}
