// Package subscriptionlog reads Piano's subscription log: a CSV file of the export API or
// of the console (Reports, Logs, Subscriptions, Export). The file may have a byte order
// mark, or be the only file of a zip archive.
//
// Words:
//
//   - traits: the thirty columns that customers sync, documented by Piano.
//   - internal: a row that the internal-user filter drops.
//
// # The main path
//
// [Open] unpacks the file, reads the header and finds the columns by name, in any order
// (match). [Reader.Next] reads one record and parses each known field with a cell. Status
// and term type become the names of the API (words.go).
//
// It keeps the thirty traits and three more columns that the snapshot needs. It drops
// every other column while reading, including all personal data. The user's address is
// used for the internal-user filter only.
//
// The first invalid field ends the read: its error names line and column, and contains
// nothing of the file. So does damage by a spreadsheet (damage.go), and a subscription with
// two rows that differ (repeats.go), which are found at the end at the latest. Memory is at
// most some 50 MiB, for any file.
package subscriptionlog
