package experiment

import (
	"fmt"

	"github.com/pianola/pianola/internal/promo/stats"
)

// Size is how many people an experiment needs.
type Size struct {
	Control uint64 `json:"control"`
	Other   uint64 `json:"each_other_arm"`
	Total   uint64 `json:"total"`
	// Detectable is the smallest rise that a control arm of the given size finds; nil without a
	// size, and where it finds none.
	Detectable *float64 `json:"detectable_rise,omitempty"`
}

// SizeOf computes the size for a number of arms, the control arm included. Each comparison
// gets its part of alpha. people are those in the control arm for Detectable; 0 for none.
func SizeOf(p stats.Plan, arms int, people uint64) (Size, error) {
	if arms < 2 || arms > maxArms {
		return Size{}, fmt.Errorf("arms: want 2 to %d", maxArms)
	}
	p.Alpha /= float64(arms - 1)
	if err := p.Validate(); err != nil {
		return Size{}, err
	}
	var s Size
	s.Control, s.Other = stats.SampleSize(p)
	s.Total = s.Control + uint64(arms-1)*s.Other
	if people > 0 {
		if rise, ok := stats.Detectable(p, people); ok {
			s.Detectable = &rise
		}
	}
	return s, nil
}
