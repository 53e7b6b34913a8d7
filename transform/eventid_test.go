package transform

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"testing"
)

// referenceMurmur is MurmurHash3 x64 128 with seed 0, written from the published
// description, so that the event id does not hang on one library.
func referenceMurmur(data []byte) []byte {
	const c1, c2 = 0x87c37b91114253d5, 0x4cf5ad432745937f
	mix1 := func(k uint64) uint64 { return bits.RotateLeft64(k*c1, 31) * c2 }
	mix2 := func(k uint64) uint64 { return bits.RotateLeft64(k*c2, 33) * c1 }
	final := func(k uint64) uint64 {
		k = (k ^ k>>33) * 0xff51afd7ed558ccd
		k = (k ^ k>>33) * 0xc4ceb9fe1a85ec53
		return k ^ k>>33
	}
	var h1, h2 uint64
	n := uint64(len(data))
	for ; len(data) >= 16; data = data[16:] {
		h1 ^= mix1(binary.LittleEndian.Uint64(data))
		h1 = (bits.RotateLeft64(h1, 27)+h2)*5 + 0x52dce729
		h2 ^= mix2(binary.LittleEndian.Uint64(data[8:]))
		h2 = (bits.RotateLeft64(h2, 31)+h1)*5 + 0x38495ab5
	}
	var tail [16]byte
	copy(tail[:], data)
	h1 ^= mix1(binary.LittleEndian.Uint64(tail[:]))
	h2 ^= mix2(binary.LittleEndian.Uint64(tail[8:]))
	h1, h2 = h1^n, h2^n
	h1 += h2
	h2 += h1
	h1, h2 = final(h1), final(h2)
	h1 += h2
	h2 += h1
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, h1), h2)
}

func TestEventID_PublishedValues(t *testing.T) {
	// From the reference implementation's own tests and from events.json.
	for in, want := range map[string]string{
		"": "00000000000000000000000000000000",
		"The quick brown fox jumps over the lazy dog": "e34bbc7bbc071b6c7a433ca9c49a9347",
		"RC1\x1f1704448800000\x1fRenewed":             "ac55a7bb8fb57864bb368adb0403b127",
	} {
		if got := hex.EncodeToString(referenceMurmur([]byte(in))); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestEventID_EveryLength(t *testing.T) {
	w := newWorker(t, Defaults())
	subscription := make([]byte, 0, 100)
	for i := range 100 {
		subscription = append(subscription, byte('0'+i%70))
		got := w.eventID(subscription, 1704448800000, []byte("Renewed"))
		want := referenceMurmur([]byte(string(subscription) + "\x1f1704448800000\x1fRenewed"))
		if string(got[:]) != string(want) {
			t.Errorf("%d bytes: %x, want %x", len(subscription), got, want)
		}
	}
}
