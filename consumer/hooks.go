package consumer

import "time"

// Hooks tell an observer, such as a metrics registry, what happens. Each may be
// nil. They are called from several goroutines at once and must not block.
type Hooks struct {
	// OnGenerationStart is told what was assigned; it must not change it.
	OnGenerationStart func(generation int32, assignments []Assignment)
	// OnGenerationEnd is told how long the generation lasted.
	OnGenerationEnd func(generation int32, lasted time.Duration)
	// OnGroupError is told of each failure to join, keep or leave the group, or
	// to see its topics.
	OnGroupError func(kind ErrorKind)
	// OnFetch is told of each answered fetch: the bytes of its records as they
	// came over the wire.
	OnFetch func(topic string, partition int32, bytes int)
	// OnFetchError is told of each failed fetch, the ones tried again included.
	OnFetchError func(topic string, partition int32, kind ErrorKind)
	// OnCommit is told of each commit: how many partitions, how long it took,
	// and whether the broker took it.
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
