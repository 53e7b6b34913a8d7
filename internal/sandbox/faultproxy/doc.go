// Package faultproxy injects faults into statements of a real ClickHouse server.
//
// A Proxy listens on two loopback ports, one for the native protocol and one for HTTP.
// It forwards everything to the server. A Control function sees each statement and can
// choose a Fault for it: an exception, a closed connection or no answer. The fault comes
// before, midway through or after the statement.
//
// Over the native protocol, a client sends a query only after the server has answered
// the previous one. So a query begins where a read from the client begins. The proxy
// finds the statement there, and decodes nothing else. Only for a fault after a
// statement, it decodes the server's answer.
//
// Over HTTP, a statement is the query parameter or the beginning of the body. The proxy
// does not see statements in a compressed or multipart body.
package faultproxy
