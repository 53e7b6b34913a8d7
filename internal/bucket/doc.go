// Package bucket reads the URLs by which a command names buckets of S3, of S3-compatible
// servers and of Google Cloud Storage.
//
// Words:
//
//   - location: a bucket with a key or a pattern of keys, such as
//     s3://exports/2025/*.csv.gz?region=eu-north-1.
//   - name: a location without its parameters. Names are stored and shown.
//
// [Parse] reads a location, and refuses credentials in it: command lines are visible to
// other users and are logged.
//
// Package client opens buckets. It is a package of its own, so that only cmd/pianola
// compiles the libraries of AWS and Google.
package bucket
