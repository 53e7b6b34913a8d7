// Package libchdb is the ClickHouse engine as a shared library: found or
// fetched, loaded without cgo, and opened on a directory.
//
// Words used here:
//
//   - library: the file libchdb.so, loaded at most once a process.
//   - engine: the one running ClickHouse of this process, on one directory.
//   - conn: a session of the engine (current database, settings, temporary
//     tables). It runs one statement at a time; different conns run in parallel.
//
// What the library itself dictates: one engine a process and one process a
// directory. Another directory can be opened once the engine before it has been
// closed.
package libchdb
