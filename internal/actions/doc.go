// Package actions asks Piano's API to change a subscription on somebody's behalf:
// to resume one, and to change its term. Each action first looks whether it can be
// done, and nothing is sent in a dry run.
//
// Words:
//
//   - action: what was asked for, with an id; done in steps.
//   - step: one row of actions_log. The row before a request is written before the
//     request is sent, and where it cannot be written nothing is sent, so that a
//     process which dies leaves word of what it may have done.
//   - unknown: a request was sent, and no answer told what became of it. It is not
//     sent again: the subscription is looked at, and what is found is told. Who
//     runs the action again begins by looking too.
//   - outcome: what the action came to.
//
// Nothing personal is here: what the API says of a subscription comes without it
// (internal/piano), and what a person typed goes through the guard (contract §2)
// before it is shown or stored.
package actions
