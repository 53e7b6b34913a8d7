package libchdb

import (
	"errors"
	"fmt"
	"unsafe"
)

// Insert is an INSERT under way, fed with bytes in its format. It is not safe
// for concurrent use, and its conn takes no other statement until Close.
type Insert struct {
	conn   *Conn
	handle unsafe.Pointer
}

// Insert starts an INSERT whose statement has neither FORMAT nor data. A missing
// table or column is reported here.
func (c *Conn) Insert(sql, format string, params ...Param) (*Insert, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	session, err := c.session()
	if err != nil {
		return nil, fmt.Errorf("start insert: %w", err)
	}
	a := newArguments(sql, format, params)
	defer a.release()
	handle := c.lib.insert(session, a.sql, a.sqlLen, a.format, a.formatLen,
		a.names, a.nameLens, a.values, a.valueLens, a.count)
	if handle == nil {
		return nil, errors.New("start insert: the engine gave no stream")
	}
	if text := c.lib.insertError(handle); text != "" {
		c.lib.insertDestroy(handle)
		return nil, parseError(text)
	}
	return &Insert{conn: c, handle: handle}, nil
}

// Write appends bytes, which the engine copies; they need not end at a row or a
// block. It blocks while the engine is behind.
func (i *Insert) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	i.conn.mu.Lock()
	defer i.conn.mu.Unlock()
	if i.handle == nil || i.conn.handle == nil {
		return 0, fmt.Errorf("append to insert: %w", ErrClosed)
	}
	if i.conn.lib.insertAppend(i.handle, unsafe.Pointer(&p[0]), uintptr(len(p))) == 0 {
		return len(p), nil
	}
	if text := i.conn.lib.insertError(i.handle); text != "" {
		return 0, parseError(text)
	}
	return 0, errors.New("append to insert: the engine refused and gave no reason")
}

// Commit ends the data. Once it returns without an error the rows are stored;
// written counts those of materialised views too.
func (i *Insert) Commit() (rows, bytes uint64, err error) {
	i.conn.mu.Lock()
	defer i.conn.mu.Unlock()
	if i.handle == nil || i.conn.handle == nil {
		return 0, 0, fmt.Errorf("commit insert: %w", ErrClosed)
	}
	r, err := i.conn.lib.result(i.conn.lib.insertDone(i.handle))
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	rows, bytes = r.Written()
	return rows, bytes, nil
}

// Close frees the insert; one that has not been committed is cancelled: blocks
// that the engine has written already stay, as they do in ClickHouse.
func (i *Insert) Close() {
	i.conn.mu.Lock()
	defer i.conn.mu.Unlock()
	if i.handle != nil {
		i.conn.lib.insertDestroy(i.handle)
		i.handle = nil
	}
}
