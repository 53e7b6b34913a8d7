package consumer

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go/compress"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// allocated is how many bytes a function allocates. Nothing else may run.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// zstdFrame compresses as a stream, as Java's producer does: the header has the
// window of the level, and no size.
func zstdFrame(t *testing.T, window int) func([]byte) []byte {
	return func(data []byte) []byte {
		var b bytes.Buffer
		w, err := zstd.NewWriter(&b, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range [][]byte{data[:1], data[1:]} { // a first flush, so that the size is unknown
			if _, err := w.Write(part); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var h zstd.Header
		if err := h.Decode(b.Bytes()); err != nil || h.WindowSize != uint64(window) {
			t.Fatalf("a window of %d in the header, %v", h.WindowSize, err)
		}
		return b.Bytes()
	}
}

// noise is text of a length that does not compress.
func noise(seed byte, n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return string(b)
}

// TestBatches_decode_zstdWindow: the window that a header asks for costs no memory.
// A batch is read with any header, unless its data needs more than
// the bound.
func TestBatches_decode_zstdWindow(t *testing.T) {
	tier.Full(t, "compresses large batches")
	small := []string{"one", "two", strings.Repeat("three", 1000)}
	apart := func(mebibytes int) []string { // the last value repeats the first
		values := []string{noise(1, 1<<20)}
		for range mebibytes {
			values = append(values, strings.Repeat("z", 1<<20))
		}
		return append(values, values[0])
	}
	for _, c := range []struct {
		name    string
		values  []string
		window  int
		allowed uint64 // bytes of memory
		fails   error
	}{
		{name: "level 3", values: small, window: 2 << 20, allowed: 16 << 20},
		{name: "level 22", values: small, window: 128 << 20, allowed: 16 << 20},
		{name: "the largest window", values: small, window: 512 << 20, allowed: 16 << 20},
		{name: "content that repeats what is near", values: apart(3), window: 512 << 20, allowed: 64 << 20},
		{name: "content that repeats what is far back", values: apart(20), window: 128 << 20, allowed: 2 << 30},
		{name: "content that repeats what is too far back", values: apart(70), window: 128 << 20, allowed: 4 << 30, fails: errWindow},
	} {
		t.Run(c.name, func(t *testing.T) {
			batch := testBatch{base: 100, deltas: offsetsFrom(0, len(c.values)), last: int32(len(c.values) - 1), producer: -1,
				values: c.values, attributes: int16(compress.Zstd), compress: zstdFrame(t, c.window)}
			data := batch.bytes()
			if c.fails != nil && len(data) > 1<<20+1<<19 {
				t.Fatalf("%d bytes: the encoder did not find the repetition", len(data))
			}
			var offsets []int64
			var err error
			used := allocated(func() {
				offsets, _, _, err = decodeSets(t, data, 0, func(value string) bool { return slices.Contains(c.values, value) })
			})
			if used > c.allowed {
				t.Errorf("%d MiB were allocated", used>>20)
			}
			var corrupt *CorruptError
			if c.fails != nil {
				if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), c.fails.Error()) || len(offsets) == 0 {
					t.Errorf("after %d records: %v", len(offsets), err)
				}
				return
			}
			if err != nil || !slices.Equal(offsets, offsetsFrom(100, len(c.values))) {
				t.Errorf("offsets %d, %v", offsets, err)
			}
		})
	}
}

// TestBatches_decode_zstdHostile: a header of a few bytes announces what it likes.
func TestBatches_decode_zstdHostile(t *testing.T) {
	magic := []byte{0x28, 0xb5, 0x2f, 0xfd}
	lastBlock := []byte{0x01, 0x00, 0x00} // raw and empty
	for name, frame := range map[string][]byte{
		"a size of 512 MiB in a single segment": slices.Concat(magic, []byte{0xa0, 0, 0, 0, 0x20}, lastBlock),
		"a window of 3.75 TiB":                  slices.Concat(magic, []byte{0x00, 0xff}, lastBlock),
		"the same in a second frame":            slices.Concat(magic, []byte{0x00, 0x50}, lastBlock, magic, []byte{0x00, 0xff}, lastBlock),
		"only the start of a header":            magic,
	} {
		t.Run(name, func(t *testing.T) {
			batch := testBatch{base: 7, deltas: []int64{0}, producer: -1, attributes: int16(compress.Zstd),
				compress: func([]byte) []byte { return frame }}
			var err error
			used := allocated(func() { _, _, _, err = pieces(t, batch.bytes(), 0, "") })
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || used > 96<<20 {
				t.Errorf("%d MiB were allocated, %v", used>>20, err)
			}
		})
	}
}
