package suspend

import (
	"errors"

	"golang.org/x/sys/unix"
)

// awaitStop leaves the state of the child to the one who waits for its end.
func awaitStop(pid int) error {
	for {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
