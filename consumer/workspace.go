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

// workspaces are the ones that no reader holds.
type workspaces chan *workspace

func newWorkspaces(n int) workspaces {
	w := make(workspaces, n)
	for range n {
		w <- new(workspace)
	}
	return w
}

// take waits for a workspace. The error is ctx's.
func (w workspaces) take(ctx context.Context) (*workspace, error) {
	select {
	case one := <-w:
		return one, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// give returns a workspace, without the memory of an oversized batch.
func (w workspaces) give(one *workspace, limit int) {
	if cap(one.slab) > 4*limit && len(one.slab) < limit {
		one.slab = nil
	}
	w <- one
}
