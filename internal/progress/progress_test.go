package progress_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/pianola/pianola/internal/progress"
)

func TestCounter_ReportsEachStepOnceInOrder(t *testing.T) {
	var got []progress.Step
	c := progress.Func(func(s progress.Step) { got = append(got, s) }).Count("read partitions", "offsets", 6)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { c.Add(2) })
	}
	all.Wait()
	want := []progress.Step{}
	for _, done := range []uint64{0, 2, 4, 6} {
		want = append(want, progress.Step{Name: "read partitions", Unit: "offsets", Done: done, Total: 6})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFunc_NilIgnoresSteps(t *testing.T) {
	var f progress.Func
	f.Report(progress.Step{Name: "settle"})
	f.Count("read letters", "letters", 1).Add(1)
}
