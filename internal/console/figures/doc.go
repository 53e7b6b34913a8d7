// Package figures runs the queries behind the pages of the console: one [Query] gives one
// [Table].
//
// Pages are looked at by many people at once, and ClickHouse belongs to the consumer. So
// equal queries run once at a time, their answers are kept for a short time, and each query
// has limits on time, rows and threads. No answer with personal data goes through here: the
// cache holds what is shown to everybody.
//
// The main path: [Reader.Table] looks into the cache, joins a query that already runs, or
// runs one (run). A caller that goes away does not end a query that others wait for.
package figures
