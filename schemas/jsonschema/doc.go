// Package jsonschema writes JSON Schemas (2020-12): of a message as the contract accepts it
// (§1), and of an event as `pianola transform` prints it. It also writes them of a row of a
// table or view as NDJSON.
//
// Everything comes from the columns of package schemas and their comments in the DDL. Only
// the notations of a message are added here (message.go, patterns.go): the types of the
// columns say which field has which.
//
// A message that the stages store always matches. The schema cannot express every rule; the
// description of [Message] lists what is left out, and a test has the same list.
package jsonschema
