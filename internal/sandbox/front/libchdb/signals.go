package libchdb

import (
	"fmt"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// sigactionSize is more than struct sigaction takes on any platform (152 bytes
// with glibc, 16 on macOS).
const sigactionSize = 256

// keepSignals runs f and puts the signal handlers back that were there before.
// Switching the library's handlers off resets them to the default action, and
// with them those of the Go runtime, which needs SIGURG to preempt goroutines
// and SIGSEGV to turn a nil dereference into a panic (chdb-go issue 30).
func keepSignals(f func()) error {
	address, err := purego.Dlsym(purego.RTLD_DEFAULT, "sigaction")
	if err != nil {
		return fmt.Errorf("symbol sigaction: %w", err)
	}
	var sigaction func(signal int32, action, old unsafe.Pointer) int32
	purego.RegisterFunc(&sigaction, address)

	signals := []syscall.Signal{
		syscall.SIGILL, syscall.SIGABRT, syscall.SIGFPE, syscall.SIGBUS, syscall.SIGSEGV,
		syscall.SIGURG, syscall.SIGPIPE, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT,
	}
	saved := make([][sigactionSize]byte, len(signals))
	for i, signal := range signals {
		if sigaction(int32(signal), nil, unsafe.Pointer(&saved[i])) != 0 {
			return fmt.Errorf("read the handler of signal %d", signal)
		}
	}
	f()
	for i, signal := range signals {
		if sigaction(int32(signal), unsafe.Pointer(&saved[i]), nil) != 0 {
			return fmt.Errorf("restore the handler of signal %d", signal)
		}
	}
	return nil
}
