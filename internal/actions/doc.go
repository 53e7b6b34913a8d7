// Package actions changes what Piano has about a customer on behalf of an agent:
// subscriptions, payments, accesses, inquiries and notes. Nothing is sent without a plan,
// and each request is sent once.
//
// Words:
//
//   - action: one wish of an agent, of a kind, with an id; it consists of steps.
//   - plan: an action, what was read before it, and what it would send.
//   - execution: one attempt to carry a plan out. A plan may have several, such as two
//     clicks, and at most one of them sends.
//   - step: one row of actions_log. The row before a request is written first, and
//     where it cannot be written nothing is sent. So a process that dies leaves a
//     record of what it may have done.
//   - precheck: the read that decides whether the request is allowed. It is repeated when
//     it is older than a few seconds.
//   - subject: what one action at a time may change: a customer. The row asked is a claim
//     on it.
//   - outcome: the result of an action. It is unknown where a request was sent and no
//     answer says whether it was done. Such a request is not sent again: the action
//     reads the state and reports what it finds.
//
// # The main path
//
// [Actions.Plan] validates the action (check), translates it (operation), looks, decides
// ([Decide]) and completes the plan (resolve). [Actions.Execute] does the same again,
// compares what both have seen, and sends the request (send): it repeats an old precheck
// (refresh), writes the row asked, competes with other executions (contend), sends once
// and writes the row of the answer. lookAfter reads what is true then, and end writes the
// row final. [Actions.Bulk] does this for each line of a file, with ids that are the same
// in every run.
//
// [Actions.Resume] and [Actions.Upgrade] are older and need no plan: they find the
// subscription of a user, and follow a change of term until it is final. They send by the
// same way.
//
// kinds.go says which role an action needs, decide.go when it is possible, and the files
// operation_*.go what it sends and how its effect shows.
//
// Nothing personal is recorded: texts are in memory as customer.Personal, and what a
// person typed goes through the guard (contract §2) before it is shown or stored.
package actions
