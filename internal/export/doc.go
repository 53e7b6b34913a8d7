// Package export writes views of the database as files for another company or another
// warehouse: Parquet, CSV or NDJSON, in a directory, in a bucket, or on standard output.
//
// Words:
//
//   - view: what is exported. The set is closed (view.go), so that nothing leaves which
//     the documented views do not show.
//   - export: one run. It has an id, such as 20261129t221530123z-x7k2.
//   - manifest: the JSON file that ends an export. A file that no manifest names does not
//     count: its export failed or is still running.
//   - chain: the exports of one view, format and month into one destination. An
//     incremental export continues from the newest manifest of its chain.
//   - watermark: the time of the ClickHouse server before it read the first row.
//   - deletion: the key of an event that is no longer in the stream, because a replay has
//     given its message another identity.
//
// # The main path
//
// [Arguments.Parse] reads the words of a command or of a schedule. [Exporter.Run] asks
// ClickHouse for the columns (columns.go), decides the interval (interval.go), and writes
// one file a query (file.go). ClickHouse makes the bytes of a file. While they pass, the
// exporter hashes them and reads from them how many rows there are and their first and
// last times (parquet.go, csv.go, ndjson.go). So a manifest describes what was written.
// The destination (directory.go, objects.go, stream.go) gives the files their names at the
// end, the manifest last.
//
// Memory does not grow with the view, here and on the server.
package export
