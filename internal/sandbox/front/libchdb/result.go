package libchdb

import (
	"errors"
	"unsafe"
)

// Result is what a statement gave, in the engine's memory. It is not safe for
// concurrent use.
type Result struct {
	lib    *symbols
	handle unsafe.Pointer
}

// result takes a handle over: an error in it becomes an *Error and frees it.
func (s *symbols) result(handle unsafe.Pointer) (*Result, error) {
	if handle == nil {
		return nil, errors.New("the engine gave no result")
	}
	if text := s.resultError(handle); text != "" {
		s.resultDestroy(handle)
		return nil, parseError(text)
	}
	return &Result{lib: s, handle: handle}, nil
}

// Bytes are the formatted result, valid until Close.
func (r *Result) Bytes() []byte {
	n := r.lib.resultLength(r.handle)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(r.lib.resultBuffer(r.handle)), n)
}

// Rows is how many rows the result has.
func (r *Result) Rows() uint64 { return r.lib.resultRows(r.handle) }

// Written is how many rows and bytes the statement wrote, materialised views
// included.
func (r *Result) Written() (rows, bytes uint64) {
	return r.lib.resultRowsWritten(r.handle), r.lib.resultBytesWritten(r.handle)
}

// Close frees the engine's memory.
func (r *Result) Close() {
	if r.handle != nil {
		r.lib.resultDestroy(r.handle)
		r.handle = nil
	}
}
