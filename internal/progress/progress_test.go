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

func TestCounter_Interrupt(t *testing.T) {
	var got []progress.Step
	c := progress.Func(func(s progress.Step) { got = append(got, s) }).Continue("replay", "messages", 1, 10)
	other, end := c.Interrupt("look", "messages", 4)
	c.Add(2)
	other.Add(4)
	end()
	c.Add(3)
	want := []progress.Step{
		{Name: "replay", Unit: "messages", Done: 1, Earlier: 1, Total: 10},
		{Name: "look", Unit: "messages", Total: 4},
		{Name: "look", Unit: "messages", Done: 4, Total: 4},
		{Name: "replay", Unit: "messages", Done: 3, Earlier: 3, Total: 10},
		{Name: "replay", Unit: "messages", Done: 6, Earlier: 3, Total: 10},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFunc_NilIgnoresSteps(t *testing.T) {
	var f progress.Func
	f.Report(progress.Step{Name: "settle"})
	c := f.Count("read letters", "letters", 1)
	c.Add(1)
	_, end := c.Interrupt("wait", "", 0)
	end()
}
