// Package authority is a private certificate authority for tests and trials. It
// issues what servers and clients show each other, good and bad: expired, not yet
// valid, for another name; and a second authority is one that nobody trusts.
//
// Keys are made anew each time and are worth nothing outside of the test.
package authority
