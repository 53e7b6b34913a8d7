package consumer

import "testing"

func TestResponseMemory(t *testing.T) {
	take := func(m *responseMemory, size int) []byte {
		t.Helper()
		b, err := m.take(t.Context(), size)
		if err != nil || len(b) != 0 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		return b
	}
	full := func(m *responseMemory, size int) bool {
		if !m.room.TryAcquire(m.share(size)) {
			return true
		}
		m.room.Release(m.share(size))
		return false
	}
	t.Run("waits for room", func(t *testing.T) {
		m := newResponseMemory(1 << 20)
		a, b := take(m, 600<<10), take(m, 400<<10)
		if !full(m, 100<<10) {
			t.Error("more than the total was taken")
		}
		m.give(a, 600<<10)
		m.give(b, 400<<10)
		if full(m, 1<<20) {
			t.Error("the room did not come back")
		}
	})
	t.Run("a response larger than the total is alone", func(t *testing.T) {
		m := newResponseMemory(1 << 20)
		big := take(m, 5<<20)
		if cap(big) > 1<<20 {
			t.Errorf("%d bytes were allocated for an announcement", cap(big))
		}
		if !full(m, 1) {
			t.Error("another response was taken beside it")
		}
		m.give(make([]byte, 5<<20), 5<<20)
		if full(m, 1<<20) || m.spareBytes > 1<<18 {
			t.Errorf("%d bytes stay", m.spareBytes)
		}
	})
	t.Run("buffers are used again", func(t *testing.T) {
		m := newResponseMemory(8 << 20)
		for range 100 {
			a, b := take(m, 1000<<10), take(m, 90<<10)
			m.give(a[:10], 1000<<10)
			m.give(b[:10], 90<<10)
		}
		if n := testing.AllocsPerRun(100, func() { m.give(take(m, 1000<<10), 1000<<10) }); n > 0 {
			t.Errorf("%v allocations", n)
		}
		if m.spareBytes > 2<<20 {
			t.Errorf("%d bytes stay", m.spareBytes)
		}
	})
}
