package sink

// segment is what one INSERT carries: rows of several parts, in the parts'
// order, and its token.
type segment struct {
	token  string
	blocks []block
	rows   int
}

// whole is the segment of all rows of a batch.
func whole(b *Batch, token string) segment {
	s := segment{token: token}
	for i, part := range b.Parts {
		if part.Chunk == nil || part.Chunk.rows == 0 {
			continue
		}
		s.blocks = append(s.blocks, block{part: i, chunk: part.Chunk, to: part.Chunk.rows})
		s.rows += part.Chunk.rows
	}
	return s
}

// attempt is the segment as its nth attempt sends it.
func (s segment) attempt(n int) segment {
	s.token = attemptToken(s.token, n)
	return s
}

func (s segment) bytes() (n int) {
	for _, b := range s.blocks {
		n += b.bytes()
	}
	return n
}

// halves cuts a segment of two rows or more in the middle. The tokens come from
// the parent's, so that none is used for two sets of rows.
func (s segment) halves() (left, right segment) {
	left.token, right.token = s.token+"/0", s.token+"/1"
	left.rows = s.rows / 2
	right.rows = s.rows - left.rows
	room := left.rows
	for _, b := range s.blocks {
		cut := min(room, b.rows())
		room -= cut
		if cut > 0 {
			left.blocks = append(left.blocks, block{b.part, b.chunk, b.from, b.from + cut})
		}
		if cut < b.rows() {
			right.blocks = append(right.blocks, block{b.part, b.chunk, b.from + cut, b.to})
		}
	}
	return left, right
}
