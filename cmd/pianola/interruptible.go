package main

import (
	"context"
	"io"
)

// interruptible is a reader whose Read returns when the context ends, although a
// read of standard input cannot be called off: that one is left behind, and with
// it a goroutine, for the moment until the process ends.
type interruptible struct {
	ctx  context.Context
	from io.Reader

	asked chan struct{}
	found chan chunk
	rest  chunk
}

// chunk is what one read brought.
type chunk struct {
	bytes []byte
	err   error
}

// Read waits for the next bytes or the end of the context. The bytes pass through
// a buffer that the caller never sees, since the read left behind may still write.
func (r *interruptible) Read(p []byte) (int, error) {
	if len(r.rest.bytes) == 0 {
		if r.rest.err != nil {
			return 0, r.rest.err
		}
		if r.asked == nil {
			r.start()
		}
		select {
		case r.asked <- struct{}{}:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
		select {
		case r.rest = <-r.found:
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

// start makes the goroutine that reads when asked; it ends with the input or the
// context.
func (r *interruptible) start() {
	r.asked = make(chan struct{})
	r.found = make(chan chunk, 1) // a late find needs no taker
	go func() {
		buffer := make([]byte, 256<<10)
		for {
			select {
			case <-r.asked:
			case <-r.ctx.Done():
				return
			}
			n, err := r.from.Read(buffer)
			r.found <- chunk{buffer[:n], err}
			if err != nil {
				return
			}
		}
	}()
}
