// Package line is a TCP proxy between two parts of a trial that can be cut, silenced,
// slowed and made to forget its connections: toxiproxy, and behind it a relay for what
// toxiproxy cannot do.
package line
