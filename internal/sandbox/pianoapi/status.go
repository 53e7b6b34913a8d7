package pianoapi

import (
	"hash/fnv"
	"math/rand/v2"
	"strconv"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// drawFor is the chance of one subscription at one point of its life: asked again
// it falls alike.
func drawFor(seed uint64, id string, events int) *rand.Rand {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(id + " " + strconv.Itoa(events))) // never an error
	return rand.New(rand.NewPCG(seed, hash.Sum64()))
}

// synonymShare is how often a status is told in another of the words that mean the
// same when the two sides are compared.
const synonymShare = 0.15

const day = schemas.Millis(24 * 60 * 60 * 1000)

// accepted puts a derived status into one of the API's words for it: mostly its
// own, now and then another that counts as agreement.
func acceptedStatus(draw *rand.Rand, st world.State, failedAt schemas.NullMillis, now schemas.Millis) string {
	if draw.Float64() >= synonymShare {
		return string(st.Status)
	}
	var others []string
	switch st.Status {
	case world.StatusActive:
		others = []string{"wait_confirmed", "pending", "not_started"}
	case world.StatusFailAndRetry:
		if failedAt.Valid && now-failedAt.Millis < 29*day { // it is 30, and time goes on
			others = []string{"active"}
		}
	case world.StatusExpired:
		others = []string{"completed", "deleted"}
		if st.FailedPayments > 0 {
			others = append(others, "expired_with_error")
		}
	case world.StatusExpiredWithError:
		others = []string{"expired"}
	case world.StatusCancelled, world.StatusUpgraded:
		others = []string{"deleted"}
	}
	if st.ChangePending {
		others = append(others, "upgraded")
	}
	if len(others) == 0 {
		return string(st.Status)
	}
	return others[draw.IntN(len(others))]
}
