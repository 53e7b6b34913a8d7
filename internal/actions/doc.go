// Package actions changes a subscription in Piano on behalf of a user: it resumes one, or
// changes its term. Without execute an action reads and sends nothing.
//
// Words:
//
//   - action: one request of a user, with an id; it consists of steps.
//   - step: one row of actions_log. The row before a request is written first, and
//     where it cannot be written nothing is sent. So a process that dies leaves a
//     record of what it may have done.
//   - precheck: the read of the subscription that decides whether the request is
//     allowed. It is repeated when it is older than a few seconds.
//   - outcome: the result of an action. It is unknown where a request was sent and no
//     answer says whether it was done. Such a request is not sent again: the action
//     reads the subscription and reports what it finds, and a repetition of the action
//     starts with a read too.
//
// # The main path
//
// [Actions.Resume] finds the subscription (find), decides whether and how it can be
// resumed (resumabilityOf) and sends the request (send). [Actions.Upgrade] reads the
// subscription, checks with Piano that its term can be changed, sends the request and
// follows the change until it is final (follow). send repeats an old precheck (refresh),
// writes the row asked, sends once, and writes the row of the answer. end writes the row
// final and completes the report.
//
// Nothing personal is here: internal/piano reads no personal data, and what a person
// typed goes through the guard (contract §2) before it is shown or stored.
package actions
