// Package stats is the statistics of experiments, as pure functions: intervals of
// proportions and means, tests, corrections and sample sizes.
//
// Words:
//
//   - interval: all values that the data do not contradict at a confidence, such as 95 %.
//   - difference: second arm minus first arm.
//   - p-value: how often chance alone gives a difference at least as large.
//   - sample-ratio mismatch: the arms have other sizes than their weights say. Then
//     something else than chance has chosen who is in which arm, and no result is readable.
//
// The main path of a report: [SampleRatio] first, then [Wilson] for each arm, [Newcombe] and
// [TwoProportions] for each pair, [Holm] over all pairs, and [Welch] for money. [SampleSize]
// is for before.
package stats
