package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pianola/pianola/schemas"
)

var errCoordinates = errors.New("not a dead letter; use TOPIC/PARTITION/OFFSET, or TOPIC@EPOCH/PARTITION/OFFSET for a recreated topic")

// parseCoordinates reads the format of schemas.Coordinates.String. It parses from
// the right, because a file name may contain slashes. The source is not part of it.
func parseCoordinates(text string) (schemas.Coordinates, error) {
	rest, offset, ok := cutLast(text, "/")
	name, partition, also := cutLast(rest, "/")
	if !ok || !also || name == "" {
		return schemas.Coordinates{}, errCoordinates
	}
	o, err := strconv.ParseInt(offset, 10, 64)
	p, err2 := strconv.ParseInt(partition, 10, 32)
	if err != nil || err2 != nil || o < 0 || p < 0 {
		return schemas.Coordinates{}, errCoordinates
	}
	at := schemas.Coordinates{Name: name, Partition: int32(p), Offset: o}
	if before, epoch, found := cutLast(name, "@"); found && before != "" {
		if e, err := strconv.ParseUint(epoch, 10, 32); err == nil && e > 0 {
			at.Name, at.Epoch = before, uint32(e)
		}
	}
	return at, nil
}

// parseAllCoordinates parses the arguments of a command.
func parseAllCoordinates(args []string) ([]schemas.Coordinates, error) {
	var all []schemas.Coordinates
	for _, arg := range args {
		at, err := parseCoordinates(arg)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", arg, err)
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
