// Package rows turns the bytes of a file into messages, one for each row. The messages go
// through the same stages as messages from Kafka (contract §1).
//
// Words:
//
//   - row: a line of NDJSON, a record of CSV after the header, or a row of Parquet. Rows
//     count from 0. An empty line of CSV is not a row.
//   - head: the first bytes of a file after decompression, from which the format is
//     detected.
//   - dialect: separator and quote of a CSV file.
//   - columns: the names of a header or a schema, and the documented fields that they are.
//
// # The main path
//
// [Detect] looks at a head and returns the format. [NewNDJSON], [OpenCSV] and
// [OpenParquet] return a [Reader]. A line of NDJSON is the message as it is. CSV and
// Parquet write a JSON object with the documented columns of a row: a cell becomes a JSON
// text, a Parquet value what its type says (types.go). What is empty or null is left out.
// Other columns are ignored.
//
// A file that is not what its header says stops at that row with an error: it would
// otherwise fill tables with shifted values. No content of a row reaches an error.
//
// Memory is bounded for every input: of a row at most the largest message is kept, and
// pages of Parquet are counted before they are read (pages.go).
package rows
