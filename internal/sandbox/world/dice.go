package world

import "math/rand/v2"

// dice is the world's random generator: PCG with a separate seed for every subscriber,
// subscription and encoding, so that each can be repeated without the others.
type dice struct{ pcg rand.PCG }

// The streams give each purpose its own random sequence.
const (
	streamPeople uint64 = iota + 1
	streamLives
	streamSchedule
	streamEncoding
)

// seed starts the sequence of a number in a stream.
func (d *dice) seed(seed, stream, number uint64) {
	d.pcg.Seed(mix(seed^mix(stream)), mix(number+0x9e3779b97f4a7c15*stream))
}

// mix is the finalizer of splitmix64. Without it, similar seeds give similar
// sequences.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// chance is true with probability p.
func (d *dice) chance(p float64) bool { return d.share() < p }

// share is uniform in [0, 1).
func (d *dice) share() float64 { return float64(d.pcg.Uint64()>>11) / (1 << 53) }

// below is uniform in [0, n). The bias of the remainder does not matter here.
func (d *dice) below(n int) int { return int(d.pcg.Uint64() >> 1 % uint64(n)) }

// between is uniform in [lo, hi).
func (d *dice) between(lo, hi int64) int64 { return lo + int64(d.pcg.Uint64()>>1%uint64(hi-lo)) }

// weighted picks an index with the given weights.
func (d *dice) weighted(weights ...float64) int {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	at := d.share() * sum
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	return len(weights) - 1
}
