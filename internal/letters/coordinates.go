package letters

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// ErrCoordinates means that a text does not name a dead letter.
var ErrCoordinates = errors.New("not a dead letter; use TOPIC/PARTITION/OFFSET, or TOPIC@EPOCH/PARTITION/OFFSET for a recreated topic")

// ParseCoordinates reads the format of schemas.Coordinates.String. It parses from
// the right, because a file name may contain slashes. The source is not part of it.
func ParseCoordinates(text string) (schemas.Coordinates, error) {
	rest, offset, ok := cutLast(text, "/")
	name, partition, also := cutLast(rest, "/")
	if !ok || !also || name == "" {
		return schemas.Coordinates{}, ErrCoordinates
	}
	o, err := strconv.ParseInt(offset, 10, 64)
	p, err2 := strconv.ParseInt(partition, 10, 32)
	if err != nil || err2 != nil || o < 0 || p < 0 {
		return schemas.Coordinates{}, ErrCoordinates
	}
	at := schemas.Coordinates{Name: name, Partition: int32(p), Offset: o}
	if before, epoch, found := cutLast(name, "@"); found && before != "" {
		if e, err := strconv.ParseUint(epoch, 10, 32); err == nil && e > 0 {
			at.Name, at.Epoch = before, uint32(e)
		}
	}
	return at, nil
}

// ParseAllCoordinates parses several.
func ParseAllCoordinates(texts []string) ([]schemas.Coordinates, error) {
	var all []schemas.Coordinates
	for i, text := range texts {
		at, err := ParseCoordinates(text)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err) // the text may be anything
		}
		all = append(all, at)
	}
	return all, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
