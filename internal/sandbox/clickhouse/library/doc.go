// Package library finds libchdb, the ClickHouse server as a shared library, and
// fetches it once into the user's cache directory. [Locate] is its main path: look,
// lock, fetch the npm package, check its SHA-512, unpack, rename into place.
package library
