// Package config makes one validated value out of a file, the environment and
// flags.
//
// Words used here:
//
//   - key: the path of a setting, such as kafka.rebalance_timeout. It is the path
//     in the YAML file, the flag (--kafka.rebalance_timeout) and, in capitals and
//     with underscores, the environment variable
//     (PIANOLA_KAFKA_REBALANCE_TIMEOUT).
//   - layer: flags over environment over file over defaults (contract §5). An
//     empty environment variable counts as not set.
//   - secret: a setting that no output shows. None is a flag, and each has a twin
//     with _file that names a file to read it from.
//   - problem: one mistake, with its key. All are reported at once.
//
// The packages consumer, sink, transform and pipeline keep their own settings,
// defaults and rules, and know nothing of this package; what is checked here is
// how they fit together.
package config
