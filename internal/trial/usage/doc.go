// Package usage looks at what a running process takes, goroutines, file descriptors and
// memory, and tells whether it grows.
package usage
