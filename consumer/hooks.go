package consumer

import "time"

// Hooks report events to an observer, such as a metrics registry. Each may be
// nil. They are called concurrently and must not block.
type Hooks struct {
	// OnGenerationStart receives the assignment and must not change it.
	OnGenerationStart func(generation int32, assignments []Assignment)
	// OnGenerationEnd receives the duration of the generation.
	OnGenerationEnd func(generation int32, lasted time.Duration)
	// OnGroupError receives each failure to join, keep or leave the group, or to
	// read its topics.
	OnGroupError func(kind ErrorKind)
	// OnFetch receives each fetch response: the bytes of its records as sent by
	// the broker.
	OnFetch func(topic string, partition int32, bytes int)
	// OnFetchError receives each failed fetch, also when it is retried.
	OnFetchError func(topic string, partition int32, kind ErrorKind)
	// OnCommit receives each commit: number of partitions, duration, and the
	// error.
	OnCommit func(partitions int, took time.Duration, err error)
}

func (h Hooks) generationStart(generation int32, assignments []Assignment) {
	if h.OnGenerationStart != nil {
		h.OnGenerationStart(generation, assignments)
	}
}

func (h Hooks) generationEnd(generation int32, lasted time.Duration) {
	if h.OnGenerationEnd != nil {
		h.OnGenerationEnd(generation, lasted)
	}
}

func (h Hooks) groupError(kind ErrorKind) {
	if h.OnGroupError != nil {
		h.OnGroupError(kind)
	}
}

func (h Hooks) fetch(topic string, partition int32, bytes int) {
	if h.OnFetch != nil {
		h.OnFetch(topic, partition, bytes)
	}
}

func (h Hooks) fetchError(topic string, partition int32, kind ErrorKind) {
	if h.OnFetchError != nil {
		h.OnFetchError(topic, partition, kind)
	}
}

func (h Hooks) commit(partitions int, took time.Duration, err error) {
	if h.OnCommit != nil {
		h.OnCommit(partitions, took, err)
	}
}
