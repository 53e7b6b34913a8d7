package main

import (
	"context"
	"io"
	"os"
)

// openInterruptible opens a file for reading. To open a named pipe waits for its writer, and
// ctx ends that wait; the goroutine then remains until the process ends.
func openInterruptible(ctx context.Context, name string) (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		file, err := os.Open(name)
		opened <- result{file, err}
	}()
	select {
	case one := <-opened:
		return one.file, one.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// interruptible is a reader whose Read returns when the context ends. A read of
// standard input cannot be cancelled, so its goroutine remains until the process
// ends.
type interruptible struct {
	ctx  context.Context
	from io.Reader

	requests chan struct{}
	chunks   chan chunk
	rest     chunk
}

// chunk is the result of one read.
type chunk struct {
	bytes []byte
	err   error
}

// Read waits for the next bytes or the end of the context. It copies from a private
// buffer, because an abandoned read may still write to it.
func (r *interruptible) Read(p []byte) (int, error) {
	if len(r.rest.bytes) == 0 {
		if r.rest.err != nil {
			return 0, r.rest.err
		}
		if r.requests == nil {
			r.start()
		}
		select {
		case r.requests <- struct{}{}:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
		select {
		case r.rest = <-r.chunks:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
	n := copy(p, r.rest.bytes)
	r.rest.bytes = r.rest.bytes[n:]
	if len(r.rest.bytes) == 0 && r.rest.err != nil {
		return n, r.rest.err
	}
	return n, nil
}

// start creates the goroutine that reads on request. It ends with the input or the
// context.
func (r *interruptible) start() {
	r.requests = make(chan struct{})
	r.chunks = make(chan chunk, 1) // the last send does not block
	go func() {
		buffer := make([]byte, 256<<10)
		for {
			select {
			case <-r.requests:
			case <-r.ctx.Done():
				return
			}
			n, err := r.from.Read(buffer)
			r.chunks <- chunk{buffer[:n], err}
			if err != nil {
				return
			}
		}
	}()
}
