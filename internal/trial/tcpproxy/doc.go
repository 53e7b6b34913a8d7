// Package tcpproxy is a TCP proxy between two parts of a trial. A [Fault] cuts, silences
// or slows its connections, or makes it forget them. [Proxy] is toxiproxy, and behind it
// a relay (relay.go) for what toxiproxy cannot do.
package tcpproxy
