package libchdb

import (
	"fmt"
	"sync"
	"unsafe"
)

// Param is a value for a {name:Type} placeholder, as text.
type Param struct{ Name, Value string }

// Conn is one session of the engine. It runs one statement at a time: calls wait
// for each other, and an open Stream or Insert must be closed before the next
// statement.
type Conn struct {
	engine *Engine
	lib    *symbols

	mu     sync.Mutex
	handle unsafe.Pointer // chdb_connection *
}

// session is the chdb_connection the handle points at; c.mu is held.
func (c *Conn) session() (unsafe.Pointer, error) {
	if c.handle == nil {
		return nil, ErrClosed
	}
	return *(*unsafe.Pointer)(c.handle), nil
}

// Close ends the session, after the statement that is running.
func (c *Conn) Close() {
	c.mu.Lock()
	if c.handle != nil {
		c.lib.close(c.handle)
		c.handle = nil
	}
	c.mu.Unlock()
	c.engine.mu.Lock()
	delete(c.engine.conns, c)
	c.engine.mu.Unlock()
}

// Query runs one statement and holds its whole result in memory: for statements
// with small results. The format is ignored where the statement names its own.
// An error of the engine is an *Error.
func (c *Conn) Query(sql, format string, params ...Param) (*Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	session, err := c.session()
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	a := newArguments(sql, format, params)
	defer a.release()
	return c.lib.result(c.lib.query(session, a.sql, a.sqlLen, a.format, a.formatLen,
		a.names, a.nameLens, a.values, a.valueLens, a.count))
}

// Exec is Query for a statement whose result does not matter.
func (c *Conn) Exec(sql string, params ...Param) error {
	r, err := c.Query(sql, "Null", params...)
	if err != nil {
		return err
	}
	r.Close()
	return nil
}

// Text runs a statement and gives its result as text, TabSeparated.
func (c *Conn) Text(sql string, params ...Param) (string, error) {
	r, err := c.Query(sql, "TabSeparated", params...)
	if err != nil {
		return "", err
	}
	defer r.Close()
	return string(r.Bytes()), nil
}
