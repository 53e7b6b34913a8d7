package libchdb

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// ErrOtherLibrary says that this process has loaded another file already: two
// engines in one process would share signal handlers and allocators.
var ErrOtherLibrary = errors.New("another libchdb is loaded in this process")

// symbols are the functions of chdb.h that are used here. Handles are
// unsafe.Pointer to C memory, which the garbage collector ignores.
type symbols struct {
	version     func() string
	setHandlers func(enabled int32)

	connect func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	close   func(conn unsafe.Pointer)

	query       func(conn unsafe.Pointer, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	stream      func(conn unsafe.Pointer, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	insert      func(conn unsafe.Pointer, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	streamFetch func(conn, stream unsafe.Pointer) unsafe.Pointer
	streamStop  func(conn, stream unsafe.Pointer)

	insertAppend  func(stream, data unsafe.Pointer, n uintptr) int32
	insertDone    func(stream unsafe.Pointer) unsafe.Pointer
	insertCancel  func(stream unsafe.Pointer)
	insertError   func(stream unsafe.Pointer) string
	insertDestroy func(stream unsafe.Pointer)

	resultBuffer       func(result unsafe.Pointer) unsafe.Pointer
	resultLength       func(result unsafe.Pointer) uintptr
	resultRows         func(result unsafe.Pointer) uint64
	resultBytes        func(result unsafe.Pointer) uint64
	resultRowsWritten  func(result unsafe.Pointer) uint64
	resultBytesWritten func(result unsafe.Pointer) uint64
	resultError        func(result unsafe.Pointer) string
	resultDestroy      func(result unsafe.Pointer)

	classify func(conn unsafe.Pointer, sql unsafe.Pointer, sqlLen uintptr, target unsafe.Pointer, targetLen uintptr, analysis unsafe.Pointer) int32
}

// A dlopened library belongs to the process, not to a value: this is the one
// place that remembers it.
var loaded struct {
	sync.Mutex
	path string
	lib  *symbols
}

// load loads the library at path, once a process.
func load(path string) (*symbols, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.lib != nil {
		if loaded.path != path {
			return nil, fmt.Errorf("load %s: %w (%s); use one path in a process", path, ErrOtherLibrary, loaded.path)
		}
		return loaded.lib, nil
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	lib := new(symbols)
	if err := lib.bind(handle); err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	if err := keepSignals(func() { lib.setHandlers(0) }); err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	loaded.path, loaded.lib = path, lib
	return lib, nil
}

// bind looks every symbol up before any is used, so that an older library is an
// error that names what is missing.
func (s *symbols) bind(handle uintptr) error {
	for _, b := range []struct {
		fn   any
		name string
	}{
		{&s.version, "chdb_version"},
		{&s.setHandlers, "chdb_set_signal_handlers_enabled"},
		{&s.connect, "chdb_connect"},
		{&s.close, "chdb_close_conn"},
		{&s.query, "chdb_query_with_params_n"},
		{&s.stream, "chdb_stream_query_with_params_n"},
		{&s.insert, "chdb_stream_insert_with_params_n"},
		{&s.streamFetch, "chdb_stream_fetch_result"},
		{&s.streamStop, "chdb_stream_cancel_query"},
		{&s.insertAppend, "chdb_stream_append"},
		{&s.insertDone, "chdb_stream_done"},
		{&s.insertCancel, "chdb_stream_cancel_insert"},
		{&s.insertError, "chdb_stream_insert_error"},
		{&s.insertDestroy, "chdb_destroy_insert_stream"},
		{&s.resultBuffer, "chdb_result_buffer"},
		{&s.resultLength, "chdb_result_length"},
		{&s.resultRows, "chdb_result_rows_read"},
		{&s.resultBytes, "chdb_result_bytes_read"},
		{&s.resultRowsWritten, "chdb_result_rows_written"},
		{&s.resultBytesWritten, "chdb_result_bytes_written"},
		{&s.resultError, "chdb_result_error"},
		{&s.resultDestroy, "chdb_destroy_query_result"},
		{&s.classify, "chdb_classify_query_n"},
	} {
		address, err := purego.Dlsym(handle, b.name)
		if err != nil {
			return fmt.Errorf("symbol %s: %w; another version is needed", b.name, err)
		}
		purego.RegisterFunc(b.fn, address)
	}
	return nil
}
