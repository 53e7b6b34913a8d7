// Package trial tries to break the promise of contract §4: it runs the simulated
// world's stream through real `pianola run` processes, puts faults in their way,
// and holds what is in the tables at the end against the truth.
//
// Words:
//
//   - trial: one kind of fault, put in again and again.
//   - round: one world with a topic, a group and a database of its own, told
//     while the processes consume it. A trial has as many rounds as it needs for
//     its faults or its time; each takes the next seed.
//   - stage: the servers and the binary that all rounds share.
//   - line: a TCP proxy that can be cut, silenced and slowed.
//
// Every round ends alike: all faults are taken away, one more process comes to
// the end of the topic, and then four things must hold. Its offsets are committed
// to the last message, every table and view equals the truth, no event is shown
// twice by the view, and the deep audit finds nothing.
package trial
