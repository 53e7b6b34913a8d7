package meter_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/bench/meter"
	"github.com/pianola/pianola/internal/wait"
)

// TestMeter_ReportsOtherProcesses runs a process that computes. A meter that does not know
// it reports its time as that of others, and a meter that knows it does not.
func TestMeter_ReportsOtherProcesses(t *testing.T) {
	busy := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = busy.Process.Kill()
		_ = busy.Wait()
	}()
	read := func(m *meter.Meter) meter.Reading {
		t.Helper()
		r, err := m.Read()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	without, err := meter.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	with, err := meter.New(map[string]int{"busy": busy.Process.Pid})
	if err != nil {
		t.Fatal(err)
	}
	// The time of one meter contains that of the other, so that what the machine does
	// between the readings cannot turn the comparison round.
	without0, with0 := read(without), read(with)
	var known meter.Use
	err = wait.Until(t.Context(), 10*time.Millisecond, func() (bool, error) {
		known = read(with).Since(with0)
		return known.CPU["busy"] >= 0.3, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	unknown := read(without).Since(without0)
	// The clocks tick every 10 ms.
	if more := unknown.Others - known.Others; more < 0.2 {
		t.Errorf("others: %.2f s without the process, %.2f s with it, which took %.2f s", unknown.Others, known.Others, known.CPU["busy"])
	}
	if noise := unknown.Noise(); noise <= 0 || noise > 1.1 {
		t.Errorf("noise: %.2f", noise)
	}
}

func TestMeter_ProcessHasEnded(t *testing.T) {
	ended := exec.CommandContext(t.Context(), "true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	m, err := meter.New(map[string]int{"ended": ended.ProcessState.Pid()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Read(); err == nil {
		t.Error("the time of a process that has ended counts as that of others")
	}
}

func TestPeak(t *testing.T) {
	const size = 128 << 20
	self := os.Getpid()
	fill := func() int64 {
		heap := make([]byte, size)
		for i := 0; i < len(heap); i += 4096 {
			heap[i] = 1
		}
		peak, err := meter.Peak(self)
		if err != nil {
			t.Fatal(err)
		}
		return peak + int64(heap[0]) - 1
	}
	if peak := fill(); peak < size {
		t.Errorf("peak %d with %d bytes in use", peak, size)
	}
	if err := meter.ResetPeak(self); err != nil {
		t.Fatal(err)
	}
	resident, err := meter.Resident(self)
	if err != nil {
		t.Fatal(err)
	}
	if peak, err := meter.Peak(self); err != nil || peak < resident/2 {
		t.Errorf("peak %d after a reset, resident %d: %v", peak, resident, err)
	}
}
