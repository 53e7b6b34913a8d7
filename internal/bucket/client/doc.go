// Package client opens the buckets that a [bucket.Location] names.
//
// [Open] takes credentials from the places where the tools of AWS and Google take them.
// [Explain] makes an error of the libraries short, and says what to do. The libraries' own
// texts contain hosts and request ids.
package client
