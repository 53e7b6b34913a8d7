// Package sandbox puts the servers together that Pianola needs: an embedded Kafka
// and a ClickHouse server. The command of the same name and the end-to-end tests
// use it.
//
// The main path: [Start] starts both servers, [Services.Configure] makes the
// configuration of a Pianola between them, [Migrate] creates the schema,
// [Services.Publish] sends a simulated world's messages, and [ReadAccount] reads
// from the ledger how many were ingested. [Services.Close] ends the servers.
package sandbox
