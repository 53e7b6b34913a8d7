// Package testbed gives a test what it needs to run Pianola: servers that the tests
// of a package share ([Servers]), and for each test a [Fixture], which is a simulated
// world, a topic, a consumer group and a database of its own.
//
// Only tests link it. Its functions fail the test instead of returning an error,
// where a test could not handle the error.
package testbed
