// Package buckets gives a test the servers of buckets: an S3 server and a Google Cloud
// Storage server in this process. Both keep their objects in memory. The S3 server can cut
// answers, so that a test sees an endpoint that fails half way.
package buckets
