// Package trial lists the trials. Each tries to break the promise of contract §4: it runs
// real `pianola run` processes, causes faults, and compares the tables with the truth.
//
// A package below it holds a family of trials: faults (processes, networks, servers, clock,
// memory), kafkaerrors, clickhouseerrors, loss, recordforms, login and replaying. Package harness runs
// them. CONTRIBUTING.md says how to add one.
package trial
