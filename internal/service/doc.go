// Package service assembles one running instance out of a configuration: the
// flow, its metrics, and the pages. `pianola run` is this package with the
// process's signals, the sandbox is this package beside embedded servers, so
// that what is tried is what runs.
//
// Beside the flow, one instance of the group reconciles with Piano's API on a
// schedule: the one that owns partition 0 of the first topic, so that nothing but
// Kafka has to agree on which. Whatever goes wrong with it, the flow goes on.
//
// Starting has two phases. Until Kafka and ClickHouse have both answered once,
// the pages are up and say what is missing; what only waiting can mend is
// waited for, and what waiting cannot mend (a refused login, a missing topic, a
// schema of another version) ends the service with a sentence that says what to
// do. After that the flow mends itself.
package service
