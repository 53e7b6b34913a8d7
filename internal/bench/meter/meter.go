// Package meter measures the CPU time and the memory of processes, and how much CPU time
// all other processes of the machine took meanwhile.
//
// [Meter.Read] reads the clocks, and [Reading.Since] gives what was used between two
// readings. The CPU time of the others is that of the whole machine (/proc/stat) without
// that of the named processes. On a quiet machine it is near 0.
package meter

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/procfs"
)

// Meter reads the clocks of named processes and of the machine.
type Meter struct {
	fs  procfs.FS
	own map[string]int // process id by name
}

// New makes a meter for processes by name, beside this process.
func New(processes map[string]int) (*Meter, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, fmt.Errorf("open /proc: %w", err)
	}
	own := map[string]int{self: os.Getpid()}
	for name, pid := range processes {
		if pid != 0 {
			own[name] = pid
		}
	}
	return &Meter{fs: fs, own: own}, nil
}

// self is the name of this process.
const self = "bench"

// Reading is the clocks at one moment, in seconds since some start.
type Reading struct {
	at   time.Time
	busy float64 // of all processors
	own  map[string]float64
}

// Read reads all clocks. A process that has ended is an error: its time would count as
// that of others.
func (m *Meter) Read() (Reading, error) {
	r := Reading{at: time.Now(), own: map[string]float64{}}
	for name, pid := range m.own {
		process, err := m.fs.Proc(pid)
		if err != nil {
			return r, fmt.Errorf("read the CPU time of %s: %w", name, err)
		}
		stat, err := process.Stat()
		if err != nil {
			return r, fmt.Errorf("read the CPU time of %s: %w", name, err)
		}
		r.own[name] = stat.CPUTime()
	}
	machine, err := m.fs.Stat()
	if err != nil {
		return r, fmt.Errorf("read the CPU time of the machine: %w", err)
	}
	c := machine.CPUTotal
	// Guest time is a part of user time. Stolen time went to other machines.
	r.busy = c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ + c.Steal
	return r, nil
}

// Use is what was used between two readings.
type Use struct {
	Wall   time.Duration
	CPU    map[string]float64 // seconds, by process
	Others float64            // seconds of all other processes
}

// Since gives what was used since an earlier reading.
func (r Reading) Since(earlier Reading) Use {
	u := Use{Wall: r.at.Sub(earlier.at), CPU: map[string]float64{}, Others: r.busy - earlier.busy}
	for name, cpu := range r.own {
		u.CPU[name] = cpu - earlier.own[name]
		u.Others -= u.CPU[name]
	}
	// The clocks are not read at the same instant.
	u.Others = max(0, u.Others)
	return u
}

// Noise is the others' share of the machine's processors.
func (u Use) Noise() float64 {
	return u.Others / (u.Wall.Seconds() * float64(runtime.NumCPU()))
}

// Peak is the largest resident memory of a process in bytes, since its start or the last
// ResetPeak. Resident is the present one.
func Peak(pid int) (int64, error) {
	status, err := status(pid)
	return int64(status.VmHWM), err
}

// Resident is the present resident memory of a process in bytes.
func Resident(pid int) (int64, error) {
	status, err := status(pid)
	return int64(status.VmRSS), err
}

func status(pid int) (procfs.ProcStatus, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return procfs.ProcStatus{}, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	status, err := process.NewStatus()
	if err != nil {
		return procfs.ProcStatus{}, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return status, nil
}

// ResetPeak starts a new measurement of a process's peak.
func ResetPeak(pid int) error {
	const resetPeak = "5" // proc_pid_clear_refs(5)
	err := os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "clear_refs"), []byte(resetPeak), 0)
	if err != nil {
		return fmt.Errorf("reset the peak of process %d: %w", pid, err)
	}
	return nil
}
