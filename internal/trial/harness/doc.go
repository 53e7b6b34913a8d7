// Package harness runs trials: it starts real `pianola run` processes, publishes the
// stream of a simulated world to them while a scenario causes faults, and compares the
// tables with the truth. It knows no scenario.
//
// Words used here:
//
//   - trial: one kind of fault, caused again and again. A [Trial] is data and one
//     function, New.
//   - round: one world with a topic, a consumer group and a database of its own. A
//     trial has as many rounds as its faults or its time need. Each round takes the
//     next seed.
//   - scenario: what happens in one round. It has a publisher, which sends the world's
//     messages, and a part that starts processes and causes faults. Both run at the
//     same time.
//   - environment: the servers and the binary that all rounds share.
//   - truth: what the tables must hold at the end of a round, calculated by package
//     world without Pianola's code.
//   - covered: how many offsets the ledger accounts for. Scenarios wait for it.
//
// The main path:
//
//   - [Open] builds the binary and starts the servers (env.go).
//   - [Env.Run] makes rounds until the trial has enough faults and enough time (trial.go).
//   - A round gets its topic and tables (round.go). Then play runs the scenario and its
//     publisher, ends what still runs, and starts one last process that reads to the end
//     of the topic (play.go).
//   - compare reads every table and view, and runs the deep audit (comparison.go). A
//     difference makes the trial's [Result] BROKEN, and so does a process that ends by
//     itself or does not drain.
package harness
