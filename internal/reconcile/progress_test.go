package reconcile

import (
	"fmt"
	"testing"

	"github.com/pianola/pianola/internal/progress"
)

func TestRun_ReportsItsProgress(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("A").status("expired"), agreeing("B"))
	s.stream = &scriptedStream{frames: [][]Position{{at(0, 10, 10)}}}
	var names, last []string
	s.hooks.OnProgress = func(step progress.Step) {
		text := fmt.Sprintf("%s: %d of %d %s", step.Name, step.Done, step.Total, step.Unit)
		if n := len(names); n > 0 && names[n-1] == step.Name {
			last[n-1] = text
			return
		}
		names, last = append(names, step.Name), append(last, text)
	}
	s.run()
	s.want("steps", last, []string{
		"read subscriptions from Piano: 2 of 0 subscriptions",
		"complete the snapshot: 0 of 0 ",
		"wait for late messages (reconcile.settle): 0 of 0 ",
		"wait for the consumer group to catch up: 0 of 0 offsets",
		"prepare the comparison: 0 of 0 ",
		"compare the snapshot with the events: 1 of 1 ranges",
		"ask Piano again about differences: 1 of 1 subscriptions",
		"write drift: 1 of 1 ranges",
	})
}
