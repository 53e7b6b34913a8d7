// Package config builds one validated value from a file, the environment and flags.
//
// Words used here:
//
//   - key: the path of a setting, such as kafka.rebalance_timeout. It is the path
//     in the YAML file and the name of the flag (--kafka.rebalance_timeout). The
//     environment variable is PIANOLA_KAFKA_REBALANCE_TIMEOUT.
//   - layer: flags over environment over file over defaults (contract §5). An
//     empty environment variable counts as not set.
//   - dependent default: a default that follows other settings (follow.go).
//   - secret: a setting that no output shows. It has no flag, but a twin with the
//     suffix _file that names a file. Of the two, the one of the higher layer wins.
//   - service link: a variable that Kubernetes sets for a service called pianola or
//     pianola-…. It is ignored.
//   - problem: one mistake, with its key. All problems are reported together.
//
// The packages consumer, sink, transform and pipeline have their own settings,
// defaults and rules, and do not import this package. This package checks the rules
// between them.
package config
