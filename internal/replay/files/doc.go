// Package files loads events from files: a publisher's history, or an export of another
// system. Their rows go through the stages of the stream and into the same tables.
//
// Words:
//
//   - file: a file of the file system, an object of a bucket, or standard input.
//   - name: the path or URL as it was given, without parameters. It is source_name in the
//     coordinates of the rows; the offset is the row, and the version is 0.
//   - stamp: size, time and tag of a file, by which a changed file is recognized.
//   - lane: what reads one file; part: what its rows have given since the last flush.
//   - end: a ledger row with an empty range, which says that a file has no more rows.
//   - earlier load: a job that has read a file of the same name before.
//   - stale row: a row of an earlier load whose event no row of this job gives.
//
// # The main path
//
// [Loader.Plan] finds the files (paths.go) and looks at the start of each (inspect.go):
// compression, format, dialect, columns, the time of the first event. It puts them in the
// order of that time, and finds earlier loads.
//
// [Loader.Execute] starts a job. execution.go reads some files at a time in lanes
// (lane.go), and flushes the parts of all lanes together (store.go): in one insert, so
// that neighbours in time share the parts of a month. The ledger rows of a flush are the
// checkpoints. At the end, stale.go hides the stale rows.
//
// [Loader.Resume] reads on after the last checkpoint of each file, if the files are still
// those of the plan. [Loader.Compare] reads without writing.
//
// object.go and remote.go read bytes. An object of a bucket is read on where a connection
// was cut. compression.go unpacks, and package rows makes messages.
//
// # Why nothing is lost
//
// A checkpoint is written after the rows before it, and a file counts as read only at its
// end. What is read twice gives the same rows. An error of one file does not stop the
// others; the job then fails and names the file and the row. Of two rows of one event the
// later one of a file wins. Across files, which are read at the same time, no order is
// promised.
package files
