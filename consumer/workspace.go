package consumer

import "context"

// workspace is the memory that a set's records lie in: the table of them, and
// what was decompressed. It belongs to a reader from the decoding of a set until
// the reader's next Next or Close.
//
// A consumer has Config.HeldSets of them. A batch can be many times its size on
// the wire, so a reader for each of a hundred partitions would hold hundreds of
// megabytes, most of them waiting for whoever works the records off.
type workspace struct {
	records []Record
	slab    []byte
	unpack  decompressor
}

// workspaces are those that no reader holds.
type workspaces chan *workspace

func newWorkspaces(n int) workspaces {
	w := make(workspaces, n)
	for range n {
		w <- new(workspace)
	}
	return w
}

// take waits for one, or for ctx, whose error it gives.
func (w workspaces) take(ctx context.Context) (*workspace, error) {
	select {
	case one := <-w:
		return one, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// give takes one back, less what an outsized batch has left behind in it.
func (w workspaces) give(one *workspace, limit int) {
	if cap(one.slab) > 4*limit && len(one.slab) < limit {
		one.slab = nil
	}
	w <- one
}
