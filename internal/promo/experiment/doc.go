// Package experiment compares promo codes on the users of a segment.
//
// Words:
//
//   - arm: a group of users who are shown the same. The control arm is the first, and is
//     shown no code. Every other arm names the promotion of its codes.
//   - assignment: user and arm, with its time. It follows from a keyed hash of experiment and
//     user, so it is the same whenever and wherever it is computed, and it never changes.
//     Users who join the segment later are added.
//   - conversion: a charge above zero within conversion_days after the assignment.
//   - due: assigned so long ago that the days have passed. Who is not due yet counts neither
//     for nor against an arm.
//   - intention to treat: users count in their arm with any code, or with none.
//
// # The main path
//
// [Experiments.Create] writes the experiment with the number of people that each arm needs.
// [Experiments.Assign] gives the users of the latest run of the segment an arm.
// [Experiments.Report] checks the sizes of the arms first: with a mismatch there is no result.
// While an arm has fewer people due than planned, the answer is "not enough data yet": early
// looks find differences by chance.
//
// The second outcome is at renewal_days: revenue for each assigned user, and the users who
// paid the full price after their first charge. An offer can win the first outcome and lose
// the second.
package experiment
