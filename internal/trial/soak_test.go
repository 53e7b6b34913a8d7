package trial

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestSoaking_draw: every kind that is possible comes once before any comes twice,
// and none that is not.
func TestSoaking_draw(t *testing.T) {
	r := &round{stage: &Stage{broker: &broker{}}, dice: rand.New(rand.NewPCG(1, 2))}
	s := &soaking{round: r}
	possible := map[string]bool{}
	for _, f := range soakFaults() {
		if f.possible == nil || f.possible(r) {
			possible[f.name] = true
		}
	}
	if !possible["error answered"] || possible["ClickHouse killed"] || possible["broker hung"] {
		t.Errorf("with the stage's ClickHouse and kfake these are possible: %v", possible)
	}
	for range 3 {
		dealt := map[string]int{}
		for range len(possible) {
			dealt[s.draw().name]++
		}
		for name := range possible {
			if dealt[name] != 1 {
				t.Errorf("%q was dealt %d times in one deck", name, dealt[name])
			}
		}
	}
}

func TestSoakSize(t *testing.T) {
	short, hour := soakSize(Plan{}), soakSize(Plan{Duration: 2 * time.Hour})
	if short*5 < int(soakLeast.Seconds())*soakPace || hour*5 != int(soakMost.Seconds())*soakPace {
		t.Errorf("a short round has %d subscribers, the longest %d", short, hour)
	}
}
