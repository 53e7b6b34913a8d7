package libchdb

import (
	"errors"
	"fmt"
	"unsafe"
)

// Class is what a statement does to state that outlives it (chdb_query_class).
type Class uint32

// The classes, in the library's order.
const (
	ReadOnly       Class = iota // SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS, CHECK
	Mutating                    // INSERT, CREATE, ALTER, DROP and their like
	MutatingGlobal              // functions, named collections, access, system tables
	Control                     // USE, SET, SYSTEM, KILL, …
	Unknown                     // did not parse
)

// Analysis is what the engine's parser says of a text.
type Analysis struct {
	Class      Class // of several statements the most restricted
	Statements int   // 0 where the text does not parse
}

// Classify parses sql with the session's settings and runs nothing.
func (c *Conn) Classify(sql string) (Analysis, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	session, err := c.session()
	if err != nil {
		return Analysis{}, fmt.Errorf("classify statement: %w", err)
	}
	a := newArguments(sql, "", nil)
	defer a.release()
	report := struct{ size, statements, flags, class uint32 }{size: 16}
	a.keep(unsafe.Pointer(&report))
	if c.lib.classify(session, a.sql, a.sqlLen, nil, 0, unsafe.Pointer(&report)) != 0 {
		return Analysis{}, errors.New("classify statement: the engine refused")
	}
	return Analysis{Class: Class(report.class), Statements: int(report.statements)}, nil
}
