package experiment

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/promo/stats"
)

// Arm is one group.
type Arm struct {
	Name        string `json:"name"`
	Weight      uint32 `json:"weight"`
	PromotionID string `json:"promotion_id,omitempty"` // empty of the control arm
	Planned     uint64 `json:"planned"`                // people that it needs
}

// Experiment is what was decided before the first assignment.
type Experiment struct {
	ID             string    `json:"experiment_id"`
	Segment        string    `json:"segment"` // reference
	Arms           []Arm     `json:"arms"`    // the control arm first
	ConversionDays uint32    `json:"conversion_days"`
	RenewalDays    uint32    `json:"renewal_days"`
	Baseline       float64   `json:"baseline"`
	Target         float64   `json:"target"`
	Alpha          float64   `json:"alpha"`
	Power          float64   `json:"power"`
	CreatedBy      string    `json:"created_by"`
	CreatedAt      time.Time `json:"created_at"`

	salt string // 32 hexadecimal digits
	keys uint64 // salts under this name: more than one after two creations at once
}

var (
	nameForm      = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	promotionForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

const (
	maxArms   = 10
	maxWeight = 1000
	maxDays   = 1500
)

// Prepare checks an experiment, and fills in the people that each arm needs. With several
// arms beside the control arm, each comparison gets its part of alpha.
func (e *Experiment) Prepare() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(nameForm.MatchString(e.ID), "name: want 1 to 63 lower-case letters, digits, _ and -")
	r, err := segment.Parse(e.Segment)
	check(err == nil, "%w", err)
	e.Segment = r.String()
	check(len(e.Arms) >= 2 && len(e.Arms) <= maxArms, "arms: want a control arm and one to %d others", maxArms-1)
	names := map[string]bool{}
	for i, a := range e.Arms {
		check(nameForm.MatchString(a.Name), "arm %d: its name has 1 to 63 lower-case letters, digits, _ and -", i+1)
		check(!names[a.Name], "arm %d: its name is that of another arm", i+1)
		names[a.Name] = true
		check(a.Weight >= 1 && a.Weight <= maxWeight, "arm %d: its weight is between 1 and %d", i+1, maxWeight)
		if i == 0 {
			check(a.PromotionID == "", "arm 1: the control arm has no promotion")
		} else {
			check(promotionForm.MatchString(a.PromotionID), "arm %d: want the id of its promotion", i+1)
		}
	}
	check(e.ConversionDays >= 1 && e.ConversionDays <= maxDays, "conversion days: want 1 to %d", maxDays)
	check(e.RenewalDays > e.ConversionDays && e.RenewalDays <= maxDays, "renewal days: want more than the conversion days and at most %d; the first charge at the full price must be within them", maxDays)
	if len(errs) == 0 {
		errs = append(errs, e.plan())
	}
	return errors.Join(errs...)
}

// plan computes the people that each arm needs.
func (e *Experiment) plan() error {
	comparisons := float64(len(e.Arms) - 1)
	e.Arms[0].Planned = 0
	for i := range e.Arms[1:] {
		arm := &e.Arms[i+1]
		p := stats.Plan{
			Baseline: e.Baseline, Target: e.Target, Alpha: e.Alpha / comparisons, Power: e.Power,
			Ratio: float64(arm.Weight) / float64(e.Arms[0].Weight),
		}
		if err := p.Validate(); err != nil {
			return err
		}
		control, other := stats.SampleSize(p)
		arm.Planned, e.Arms[0].Planned = other, max(e.Arms[0].Planned, control)
	}
	return nil
}

// weights are those of the arms.
func (e *Experiment) weights() []uint32 {
	all := make([]uint32, len(e.Arms))
	for i, a := range e.Arms {
		all[i] = a.Weight
	}
	return all
}
