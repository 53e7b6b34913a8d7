// Package tier says which tests run. The fast tier is `go test -short`; the full tier has
// all tests.
package tier

import (
	"os"
	"testing"
	"time"
)

// Full leaves a test out of the fast tier. why completes "not in the fast tier: ".
func Full(t testing.TB, why string) {
	t.Helper()
	if testing.Short() {
		t.Skip("not in the fast tier: " + why)
	}
}

// Needs skips a test where this machine lacks something. In .ci/run, which installs
// everything, the test fails instead.
func Needs(t testing.TB, missing error) {
	t.Helper()
	switch {
	case missing == nil:
	case os.Getenv("PIANOLA_TEST_NO_SKIP") != "":
		t.Fatal(missing)
	default:
		t.Skip(missing)
	}
}

// Times is how often a test repeats something: short by default, long in the long form of
// the tests (PIANOLA_TEST_LONG=1, `make long`).
func Times(short, long int) int {
	if Long() {
		return long
	}
	return short
}

// Long reports whether the long form was asked for.
func Long() bool { return os.Getenv("PIANOLA_TEST_LONG") != "" }

// Seed is the seed of a test with random data: always the same, so that a change is not
// blamed for what another seed finds, and another one at each run of the long form.
func Seed() uint64 {
	if Long() {
		return uint64(time.Now().UnixNano())
	}
	return 1
}
