// Package front is a ClickHouse to try things on: the real engine, as a
// library in this process, behind ClickHouse's own native and HTTP protocols on
// loopback.
//
// What a client sees is ClickHouse, with what an embedded engine cannot have left
// out: users beyond the one configured, quotas, the query log, replication. The
// native protocol is revision 54460.
//
// Words used here:
//
//   - engine: the running ClickHouse, one a process (package libchdb).
//   - session: one client's conn of the engine, with its current database and
//     settings. A native connection is a session; an HTTP request is one of its
//     own unless it names a session_id.
//   - block: a piece of a table on the wire (package block).
//   - fault: what a control function ([Server.Control]) puts in place of the
//     engine's answer to a statement: an exception, a cut, silence, a delay, before
//     the engine has done it or after.
//
// The engine reads files of this machine when a query asks it to, so that the
// front listens on loopback and nowhere else.
package front
