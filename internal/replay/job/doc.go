// Package job is a long read of messages again, which may be stopped at any moment and
// continued: its record, its checkpoints, its limits. It does not know whether the
// messages come from Kafka or from files.
//
// Words:
//
//   - plan: what a job reads, fixed when it starts: ranges of offsets or rows, a filter,
//     limits.
//   - rules: what decides the outcome of a message. A job has one set of rules.
//   - chunk: a part of one range that becomes durable at once. Its last write is a ledger
//     row of kind replay with the id of the job: the checkpoint.
//   - remaining: the ranges of the plan without what checkpoints cover.
//   - heartbeat: the record that the running process writes at an interval. A job that is
//     running by its record and has missed several heartbeats is interrupted: its process
//     has ended without a word.
//   - mark: random characters behind the name of an instance. By it a process notices that
//     another one has taken over its job.
//
// # How a source uses it
//
//	store := job.NewStore(deps)
//	run, err := store.Start(ctx, spec) // or Resume
//	for _, r := range run.Remaining() {
//		err := run.Wait(messages)
//		// Read with run.Reading(). Write the chunk and its ledger row with run.Writing().
//		err = run.Done(counts)
//	}
//	finished, err := run.Finish(err)
//
// Reading ends at Ctrl-C, a cancellation or a limit. Writing then lasts a while longer.
//
// Reading and Writing are different contexts so that a stop finishes the chunk. After the
// end of Reading a worker writes what it has read, as a smaller chunk, and returns.
// Finish decides from the reason what the job is: complete, stopped, canceled or failed.
// All methods of Run are safe for concurrent use.
//
// Start refuses a plan that overlaps with that of a running job (*OverlapError). Resume
// refuses changed rules (*RulesChangedError), and waits until a job that looks alive has
// missed its heartbeats (*AliveError if it does not). Cancel only leaves a wish: the
// process that runs the job reads it at the end of each chunk and at each heartbeat.
package job
