package pianoapi

import (
	"hash/fnv"
	"math/rand/v2"
	"strconv"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// drawFor returns the random generator of one subscription after a number of events.
// It always gives the same sequence.
func drawFor(seed uint64, id string, events int) *rand.Rand {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(id + " " + strconv.Itoa(events))) // never an error
	return rand.New(rand.NewPCG(seed, hash.Sum64()))
}

// synonymShare is the share of statuses with another value that reconciliation
// accepts as agreement.
const synonymShare = 0.15

const day = schemas.Millis(24 * 60 * 60 * 1000)

// acceptedStatus returns a status of the API that agrees with the derived status.
// Usually it is the same.
func acceptedStatus(draw *rand.Rand, st world.State, failedAt schemas.NullMillis, now schemas.Millis) string {
	if draw.Float64() >= synonymShare {
		return string(st.Status)
	}
	var others []string
	switch st.Status {
	case world.StatusActive:
		others = []string{"wait_confirmed", "pending", "not_started"}
	case world.StatusFailAndRetry:
		if failedAt.Valid && now-failedAt.Millis < 29*day { // the limit is 30 days, and the run takes time
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
