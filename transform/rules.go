package transform

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Rules are a compiled Config. They are immutable but for the suppression list, and safe
// for concurrent use. Every goroutine makes its own Worker.
type Rules struct {
	maxBytes        int
	tooLarge        string
	names           nameTable
	zone            zone
	maxFuture       time.Duration
	internalIDs     map[string]struct{}
	internalDomains map[string]struct{} // in normal form, in lower case
	unknownAction   UnknownAction
	actions         map[string][]byte // ASCII letters, lower-cased → canonical

	suppression atomic.Pointer[Suppression] // see Suppress
}

// New compiles a valid configuration.
func New(c Config) (*Rules, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("compile the transform's rules: %w", err)
	}
	location, err := LoadZone(c.SourceTimezone)
	if err != nil {
		return nil, fmt.Errorf("compile the transform's rules: %w", err)
	}
	aliases := make(map[string]field, len(c.FieldAliases))
	for alias, target := range c.FieldAliases {
		aliases[alias] = fieldNamed(target)
	}
	actions, _ := withSynonyms(c.ActionSynonyms) // Validate has refused mistakes
	r := &Rules{
		maxBytes:        c.MaxMessageBytes,
		tooLarge:        tooLargeDetailPrefix + strconv.Itoa(c.MaxMessageBytes) + " bytes",
		names:           newNames(aliases),
		zone:            newZone(location),
		maxFuture:       c.MaxFuture,
		internalIDs:     make(map[string]struct{}, len(c.InternalUserIDs)),
		internalDomains: make(map[string]struct{}, len(c.InternalEmailDomains)),
		unknownAction:   c.UnknownAction,
		actions:         actions,
	}
	for _, id := range c.InternalUserIDs {
		r.internalIDs[strings.TrimSpace(id)] = struct{}{}
	}
	var addresses addressFinder
	for _, domain := range c.InternalEmailDomains {
		name, _ := addresses.domain([]byte("x@" + strings.TrimSpace(domain))) // Validate has refused others
		r.internalDomains[string(name)] = struct{}{}
	}
	return r, nil
}
