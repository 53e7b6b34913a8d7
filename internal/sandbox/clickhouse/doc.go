// Package clickhouse runs a real ClickHouse server as a child process: the
// server that libchdb contains, with its own native and HTTP interfaces, users,
// grants, quotas and logs.
//
// The main path:
//
//   - [ServeIfChild] is the first statement of main and of TestMain. In a child it
//     turns the process into the server (engine.go) and does not return.
//   - [Start] finds or fetches the library (package library), renders config.xml
//     (settings.go) and users.xml (access.go), and starts this program again as
//     the child, on a pseudo-terminal (process.go). It returns when the server
//     answers.
//   - [Server.Close], [Server.Kill], [Server.Pause] and [Server.Restart] end it, or
//     let it fail the way a test wants.
//
// Words used here:
//
//   - library: the file libchdb.so.
//   - server: the child process. One process holds one server, and a data
//     directory belongs to one server at a time.
//   - access: who may log in and what they may do.
//
// A server listens on loopback only. It has no TLS listener: package tlsproxy
// terminates TLS in front of it. It cannot create users by SQL; they come from
// [Access] and are read when the server starts.
package clickhouse
