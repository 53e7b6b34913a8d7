// Package plans keeps what a person is going to change until this person confirms it, and
// then does it once.
//
// Words:
//
//   - task: the work: first it finds what would change, then it changes it ([Task]).
//   - plan: a task with its state and its results ([Plan]). It has an id, which is part of
//     the address of its page.
//   - confirm: to start the work of a plan that is ready, with a name and a reason. Only
//     the first confirmation counts: a second click, a reload and a second person find the
//     work under way or done.
//
// The main path: [Book.Add] queues a task, and [Book.Run] asks it what would change. The
// page shows the plan ([Book.Find]). [Book.Confirm] queues it again, and Run executes it.
// Work is executed one after the other, so two plans over the same rows do not run at once.
//
// Plans are in memory and end with the process, or after an hour. Work that was interrupted
// is durable as far as it has come, and a new plan finds what is left.
package plans
