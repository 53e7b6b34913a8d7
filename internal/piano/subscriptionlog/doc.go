// Package subscriptionlog reads Piano's subscription log: the CSV file that the
// export API makes and that the console gives (Reports, Logs, Subscriptions,
// Export), plain, with a byte order mark, or as the one file of a zip archive.
//
// Columns are found by their names in the header, whatever their order. Of what
// the file has, the thirty synced traits are kept and three columns that the
// snapshot needs; everything else is dropped while it is read, all that is
// personal with it. The user's address decides the internal-user filter and goes
// no further.
//
// A file is read as a whole or not at all: the first thing in it that cannot be
// read ends the reading, with an error that names line and column and holds
// nothing of the file's content. Memory does not grow with the file.
package subscriptionlog
