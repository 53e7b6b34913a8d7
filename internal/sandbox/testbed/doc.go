// Package testbed gives a test what it needs to see Pianola at work: servers that
// a package's tests share, and for each test a stage, which is a simulated world,
// a topic, a consumer group and a database of its own.
//
// Only tests link it. What goes wrong here fails the test: nothing returns an
// error that a test could do something about.
package testbed
