// Package trial lists the trials. Each tries to break the promise of contract §4: it runs
// real `pianola run` processes, causes faults, and compares the tables with the truth.
//
// How to add a trial:
//
//  1. Choose the package of its family: faults (processes, networks, servers, clock,
//     memory), kafkaerrors, clickhouseerrors, loss, recordforms, login. Or make a new one.
//  2. Write a function that returns a [harness.Trial]. Its New returns the scenario of one
//     round: a function that starts processes with [harness.Round.Start] and causes faults.
//     [harness.Round.CauseFaults] is the loop that most scenarios need; faults/kill.go and
//     faults/outages.go are short examples.
//  3. Add it to All, and a row to docs/trials.md. The command's flags and its table read
//     the list.
//  4. Show that it can fail: break the product by hand, and run it with --only.
package trial
