// Package tcpproxy is a TCP proxy between two parts of a trial. A [Fault] cuts, silences
// or slows its connections, or makes it forget them. [Proxy] is toxiproxy with a toxic of
// its own for the last of these (half_open.go).
package tcpproxy
