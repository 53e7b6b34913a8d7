package libchdb

import (
	"fmt"
	"io"
	"unsafe"
)

// Stream is the result of a read statement, chunk by chunk. Every chunk is a
// whole document in the format asked for. It is not safe for concurrent use, and
// its conn takes no other statement until Close.
type Stream struct {
	conn   *Conn
	handle unsafe.Pointer
	done   bool // nothing is left to cancel: cancelling a finished stream crashes the library
}

// Stream starts a read statement; anything else is refused by the engine.
func (c *Conn) Stream(sql, format string, params ...Param) (*Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	session, err := c.session()
	if err != nil {
		return nil, fmt.Errorf("stream query: %w", err)
	}
	a := newArguments(sql, format, params)
	defer a.release()
	r, err := c.lib.result(c.lib.stream(session, a.sql, a.sqlLen, a.format, a.formatLen,
		a.names, a.nameLens, a.values, a.valueLens, a.count))
	if err != nil {
		return nil, err
	}
	return &Stream{conn: c, handle: r.handle}, nil
}

// Next gives the next chunk, which the caller closes, or io.EOF.
func (s *Stream) Next() (*Result, error) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	session, err := s.conn.session()
	if err != nil {
		return nil, fmt.Errorf("fetch result: %w", err)
	}
	if s.done {
		return nil, io.EOF
	}
	r, err := s.conn.lib.result(s.conn.lib.streamFetch(session, s.handle))
	if err != nil {
		s.done = true
		return nil, err
	}
	if r.Rows() == 0 && len(r.Bytes()) == 0 {
		s.done = true
		r.Close()
		return nil, io.EOF
	}
	return r, nil
}

// Close frees the stream and stops the statement if it is still running.
func (s *Stream) Close() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.handle == nil {
		return
	}
	if session, err := s.conn.session(); err == nil && !s.done {
		s.conn.lib.streamStop(session, s.handle)
	}
	s.conn.lib.resultDestroy(s.handle)
	s.handle = nil
}
