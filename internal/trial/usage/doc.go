// Package usage measures the goroutines, file descriptors and memory of a running process,
// and says whether they grow. [Start] watches a process, [Watch.Stop] returns a [Usage],
// and [Usage.Trend] compares its end with its beginning.
package usage
