// Package httpd is the service's small window: liveness, readiness and metrics
// over HTTP, for probes, Prometheus and people.
//
//   - live: the process does its work; nothing outside it is asked. A probe that
//     fails here should restart the process.
//   - ready: what the process depends on is there too. A probe that fails here
//     says what to look at; restarting would not help.
//
// It listens on loopback unless told otherwise, since it has no login, and it
// shows counts and states alone: no message, no configuration.
package httpd
