package experiment

import (
	"context"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/promo/stats"
)

// Verdict says whether a result can be read.
type Verdict string

// The verdicts.
const (
	Mismatch  Verdict = "sample_ratio_mismatch" // something else than chance made the arms
	NotEnough Verdict = "not_enough_data_yet"   // an arm has fewer people due than planned
	Result    Verdict = "result"
)

// mismatchLevel: below this p-value the sizes of the arms are no chance.
const mismatchLevel = 0.001

// Report is the state of an experiment, by intention to treat.
type Report struct {
	Experiment *Experiment    `json:"experiment"`
	AsOf       time.Time      `json:"as_of"` // of the state of subscriptions
	Arms       []ArmReport    `json:"arms"`
	SizeCheck  stats.Mismatch `json:"size_check"`
	Conversion Outcome        `json:"conversion"`
	Renewal    Outcome        `json:"renewal"`
	// CodesReadAt is when conversions were read from Piano; without it nobody knows who used
	// another arm's code.
	CodesReadAt *time.Time `json:"codes_read_at"`
}

// ArmReport is one arm.
type ArmReport struct {
	Arm
	Assigned uint64 `json:"assigned"`
	// Analysed are the first of them, up to the planned number. The outcomes are theirs.
	Analysed uint64 `json:"analysed"`
	// OtherCode is how many used the code of another arm; nil where nobody knows.
	OtherCode *uint64 `json:"used_another_arms_code"`
}

// Outcome is one question: conversion, or what happened until the renewal.
type Outcome struct {
	Verdict Verdict `json:"verdict"`
	Days    uint32  `json:"days"`
	// Reason says why there is no result.
	Reason string `json:"reason,omitempty"`
	// Confidence is that of the intervals of arms, 1 - alpha. That of comparisons shares alpha
	// among all comparisons of the outcome; 0 without a result.
	Confidence           float64 `json:"confidence"`
	ComparisonConfidence float64 `json:"comparison_confidence,omitempty"`

	Arms    []OutcomeArm  `json:"arms"`
	Rates   []Comparison  `json:"rates,omitempty"`
	Revenue []RevenueArms `json:"revenue,omitempty"` // of the renewal
}

// OutcomeArm is what one arm has of an outcome. Successes and what follows are nil without a
// result.
type OutcomeArm struct {
	Arm       string          `json:"arm"`
	Due       uint64          `json:"due"`
	NotYetDue uint64          `json:"not_yet_due"`
	Planned   uint64          `json:"planned"`
	Successes *uint64         `json:"successes"`
	Rate      *float64        `json:"rate"`
	Interval  *stats.Interval `json:"interval"`
}

// Comparison is an arm and the control arm.
type Comparison struct {
	Arm         string         `json:"arm"`
	Difference  float64        `json:"difference"` // arm minus control
	Interval    stats.Interval `json:"interval"`
	P           float64        `json:"p"`
	Corrected   float64        `json:"p_corrected"` // Holm, over all comparisons of the outcome
	Significant bool           `json:"significant"`
}

// RevenueArms is the revenue for each assigned user in one currency.
type RevenueArms struct {
	Currency string  `json:"currency"`
	Control  float64 `json:"control"` // mean of the control arm
	Mean     float64 `json:"mean"`    // of the arm
	// Comparison is empty but for the difference where nothing varies.
	Comparison
}

// Report reads the outcomes.
func (x Experiments) Report(ctx context.Context, id string) (*Report, error) {
	e, err := x.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	asOf, err := x.Segments.StateTime(ctx)
	if err != nil {
		return nil, err
	}
	people, revenue, err := x.outcomes(ctx, e, asOf)
	if err != nil {
		return nil, err
	}
	read, err := x.codesRead(ctx)
	if err != nil {
		return nil, err
	}
	return e.report(asOf, people, revenue, read)
}

// report judges what was counted.
func (e *Experiment) report(asOf time.Time, people []counts, revenue []money, codesRead *time.Time) (*Report, error) {
	byArm := make([]counts, len(e.Arms))
	place := map[string]int{}
	for i, a := range e.Arms {
		place[a.Name] = i
	}
	for _, c := range people {
		i, ok := place[c.arm]
		if !ok {
			return nil, fmt.Errorf("experiment %s: users have an arm that it does not have; another program wrote into experiment_assignments", e.ID)
		}
		byArm[i] = c
	}
	r := &Report{Experiment: e, AsOf: asOf, CodesReadAt: codesRead}
	sizes := make([]uint64, len(e.Arms))
	conversion := question{days: e.ConversionDays, alpha: e.Alpha, people: make([]stats.Proportion, len(e.Arms))}
	renewal := question{days: e.RenewalDays, alpha: e.Alpha, people: make([]stats.Proportion, len(e.Arms)), money: moneyOf(revenue, place, len(e.Arms))}
	for i, c := range byArm {
		arm := ArmReport{Arm: e.Arms[i], Assigned: c.assigned, Analysed: c.analysed}
		if codesRead != nil {
			arm.OtherCode = &byArm[i].otherCode
		}
		r.Arms, sizes[i] = append(r.Arms, arm), c.assigned
		conversion.people[i] = stats.Proportion{Successes: c.converted, Total: c.due}
		renewal.people[i] = stats.Proportion{Successes: c.renewed, Total: c.renewalDue}
	}
	r.SizeCheck = stats.SampleRatio(sizes, e.weights())
	r.Conversion, r.Renewal = conversion.answer(r), renewal.answer(r)
	return r, nil
}
