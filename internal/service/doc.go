// Package service builds one running instance from a configuration: the flow, its
// metrics, and the health pages. `pianola run` is this package plus signals. The
// sandbox is this package plus embedded servers, so the sandbox runs the same code.
//
// One instance of the group also reconciles with Piano's API on a schedule. It is the
// instance that owns partition 0 of the first topic, so Kafka is the only coordinator.
// Errors of reconciliation do not stop the flow. The same instance
// repeats the exports of export.schedule, materialises the segments of promo.segments, and
// reads conversions for promo.conversions.
//
// Commands and the console need parts of an instance: [NewReconciling], [NewExporting],
// [OpenOffsets], [WithReplaying] and [OpenClickHouse] connect one each.
//
// Start has two phases. Until Kafka and ClickHouse have both answered once, the pages
// show what is missing. The service waits for unavailable servers. It ends with a hint
// when waiting cannot help: a rejected login, a missing topic, or another schema
// version. In the second phase the flow runs and recovers from errors itself.
package service
