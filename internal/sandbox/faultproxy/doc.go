// Package faultproxy puts faults into the statements of a real ClickHouse server.
//
// A Proxy listens on two loopback ports, one for the native protocol and one for
// HTTP, and passes everything on to the server. Control functions see every
// statement. One that returns a Fault makes the client get an exception, a cut
// connection or no answer, before, midway through, or after the statement.
//
// Over the native protocol a client sends a query only once the server has answered
// the one before. A query therefore always begins where a read of the client's bytes
// begins. The proxy decodes what begins there, and decodes nothing else until a fault
// needs it: before and midway the end of the external tables, after the server's
// answer. Both Go clients speak protocol revision 54460. The proxy passes connections of
// other revisions on, but does not see their statements.
//
// Over HTTP a statement is the query parameter or the beginning of the body. The
// proxy does not look for statements in a body that is compressed or multipart.
package faultproxy
