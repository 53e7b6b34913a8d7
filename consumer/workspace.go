package consumer

import "context"

// workspace is the memory of a record set: the table of records and the
// decompressed bytes. It belongs to a reader from the decoding of a set until the
// next Next or Close.
//
// A consumer has Config.HeldSets of them. A batch can be many times its size on
// the wire. A hundred readers with their own memory would hold hundreds of
// megabytes, most of it waiting to be processed.
type workspace struct {
	records []Record
	slab    []byte
	unpack  decompressor
}

// workspaces are the ones that no reader holds, and the right to a large one.
type workspaces struct {
	free  chan *workspace
	large chan struct{} // full while a reader has the right
}

func newWorkspaces(n int) workspaces {
	w := workspaces{free: make(chan *workspace, n), large: make(chan struct{}, 1)}
	for range n {
		w.free <- new(workspace)
	}
	return w
}

// take waits for a workspace. The error is ctx's.
func (w workspaces) take(ctx context.Context) (*workspace, error) {
	select {
	case one := <-w.free:
		return one, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// enlarge waits until no other reader holds a large batch, then allows this
// workspace to hold one. The holder waits for no other workspace, so the wait
// ends. The error is ctx's.
func (w workspaces) enlarge(ctx context.Context, one *workspace) error {
	if one.unpack.large {
		return nil
	}
	select {
	case w.large <- struct{}{}:
		one.unpack.large = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// give returns a workspace, without the memory of a large batch. Its table must not
// keep responses alive.
func (w workspaces) give(one *workspace, limit int) {
	clear(one.records)
	if cap(one.slab) > 2*pieceBytes || cap(one.slab) > 4*limit && len(one.slab) < limit {
		one.slab = nil
	}
	if one.unpack.large {
		one.unpack.large, one.unpack.zstd = false, nil // the window is large too
		<-w.large
	}
	w.free <- one
}
