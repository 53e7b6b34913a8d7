// Package wire is the form of Piano's requests and answers: the envelope, the codes, the
// parameters and the forms of dates. The packages that simulate Piano share it.
//
// The main path: the server checks a request and calls Endpoint.Respond. It reads the
// parameters (params.go) and returns an Answer. Answer.Write writes the envelope.
//
// Words used here:
//
//   - envelope: the object around every answer, with code, ts and the payload under a key.
//   - bare answer: an answer without an envelope, as in the reports API.
//   - text date: a date as ISO 8601 text. Piano mixes it with seconds since 1970.
package wire
