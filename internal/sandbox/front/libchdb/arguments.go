package libchdb

import (
	"runtime"
	"unsafe"
)

// arguments are a statement as C takes it, with lengths, pinned until release.
type arguments struct {
	pin runtime.Pinner

	sql, format                        unsafe.Pointer
	sqlLen, formatLen                  uintptr
	names, nameLens, values, valueLens unsafe.Pointer
	count                              uintptr
}

func newArguments(sql, format string, params []Param) *arguments {
	a := new(arguments)
	a.sql, a.sqlLen = a.text(sql)
	a.format, a.formatLen = a.text(format)
	if len(params) == 0 {
		return a
	}
	a.count = uintptr(len(params))
	names, values := make([]unsafe.Pointer, len(params)), make([]unsafe.Pointer, len(params))
	nameLens, valueLens := make([]uintptr, len(params)), make([]uintptr, len(params))
	for i, p := range params {
		names[i], nameLens[i] = a.text(p.Name)
		values[i], valueLens[i] = a.text(p.Value)
	}
	a.names, a.values = a.keep(unsafe.Pointer(&names[0])), a.keep(unsafe.Pointer(&values[0]))
	a.nameLens, a.valueLens = a.keep(unsafe.Pointer(&nameLens[0])), a.keep(unsafe.Pointer(&valueLens[0]))
	return a
}

// text copies s with a terminating zero, which some of the functions read
// although they are told the length.
func (a *arguments) text(s string) (unsafe.Pointer, uintptr) {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return a.keep(unsafe.Pointer(&b[0])), uintptr(len(s))
}

func (a *arguments) keep(p unsafe.Pointer) unsafe.Pointer {
	a.pin.Pin(p)
	return p
}

func (a *arguments) release() { a.pin.Unpin() }
