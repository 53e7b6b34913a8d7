// Package httpd serves liveness, readiness and metrics over HTTP, for probes,
// Prometheus and people.
//
//   - live: the process is working. No other system is checked. A failed liveness
//     probe should restart the process.
//   - ready: the dependencies are available too. A failed readiness probe names the
//     dependency; a restart would not help.
//
// [Bind], [Serve] and [Release] are the life of any HTTP server of the process; the console
// uses them too.
//
// The pages have no login, so the default address is loopback. They show counts and
// states, but no messages and no configuration.
package httpd
