// Package login has the trial of TLS and logins. Its servers (servers.go, kafka.go) ask for
// both, and belong to the trial.
//
// The main path: login.go lets one process work, runs every command, and then causes
// lockouts (lockout.go), one after the other, at a start or while a process works. A
// lockout is a row of a table: what is wrong with the process or with the server, and what
// the process has to do and to say. To add one, add a row. Every log line, output and page
// is searched for passwords, keys and salts (secrets.go).
package login
