package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// instantForms is for the help of flags that take a time.
const instantForms = "2026-01-31T12:00:00Z, 2026-01-31T13:00+01:00 or 2026-01-31 13:00 Europe/Berlin"

var errInstant = errors.New("not a time with an offset or zone; use a form such as " + instantForms)

// parseInstant reads a time that is meant without doubt: with an offset, or with the name
// of a zone after a space. Seconds and their fraction may be absent, and with a zone so
// may the time of day.
func parseInstant(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if at, ok := parseForms(text, time.UTC, "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00"); ok {
		return at.UTC(), nil
	}
	space := strings.LastIndex(text, " ")
	if space < 0 {
		return time.Time{}, errInstant
	}
	local, name := text[:space], text[space+1:]
	if name == "" || strings.EqualFold(name, "local") { // Local is this machine's
		return time.Time{}, errInstant
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.Time{}, errInstant
	}
	wall, ok := parseForms(local, time.UTC, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02")
	if !ok {
		return time.Time{}, errInstant
	}
	return inZone(wall, zone)
}

func parseForms(text string, zone *time.Location, forms ...string) (time.Time, bool) {
	for _, form := range forms {
		if at, err := time.ParseInLocation(form, text, zone); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// inZone is the instant at which clocks of the zone show wall. A change of the clocks
// makes some times ambiguous and skips others: those need an offset.
func inZone(wall time.Time, zone *time.Location) (time.Time, error) {
	var found []time.Time
	for _, nearby := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(nearby).In(zone).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second)
		if _, there := at.In(zone).Zone(); there == offset && (len(found) == 0 || !found[0].Equal(at)) {
			found = append(found, at)
		}
	}
	switch len(found) {
	case 1:
		return found[0].UTC(), nil
	case 0:
		return time.Time{}, fmt.Errorf("the clocks of %s skip this time; give an offset, such as 2026-03-29T03:30+02:00", zone)
	default:
		return time.Time{}, fmt.Errorf("the clocks of %s show this time twice; give an offset, such as 2026-10-25T02:30+01:00", zone)
	}
}

// parsePast is parseInstant for a time that must have passed: a time to come is a typing
// error.
func parsePast(text string, now time.Time) (time.Time, error) {
	at, err := parseInstant(text)
	if err == nil && at.After(now) {
		err = errors.New("is in the future")
	}
	return at, err
}
