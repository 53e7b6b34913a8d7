package front

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/ClickHouse/ch-go/compress"
)

// frameBytes is how much one compressed frame holds, as in ClickHouse.
const frameBytes = 1 << 20

// frameWriter writes ClickHouse's compressed frames.
type frameWriter struct {
	out        io.Writer
	compressor *compress.Writer
	pending    []byte
}

func newFrameWriter(out io.Writer, method compress.Method) *frameWriter {
	return &frameWriter{out: out, compressor: compress.NewWriter(compress.LevelZero, method)}
}

// Write holds bytes until a frame is full.
func (f *frameWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		n := min(len(p), frameBytes-len(f.pending))
		f.pending = append(f.pending, p[:n]...)
		p = p[n:]
		if len(f.pending) == frameBytes {
			if err := f.Flush(); err != nil {
				return 0, err
			}
		}
	}
	return written, nil
}

// Flush ends the frame that is being filled.
func (f *frameWriter) Flush() error {
	if len(f.pending) == 0 {
		return nil
	}
	if err := f.compressor.Compress(f.pending); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	f.pending = f.pending[:0]
	_, err := f.out.Write(f.compressor.Data)
	return err
}

// frameReader reads ClickHouse's compressed frames. It takes no more of in than
// the frames it needs; a frame's claimed sizes are bounded by ch-go.
type frameReader struct{ frames *compress.Reader }

func newFrameReader(in *bufio.Reader) frameReader {
	return frameReader{compress.NewReader(in)}
}

// Read gives the codes that ClickHouse has for what is wrong with a frame; errors
// of the connection stay what they are.
func (f frameReader) Read(p []byte) (int, error) {
	n, err := f.frames.Read(p)
	var corrupt *compress.CorruptedDataErr
	var network net.Error
	switch {
	case err == nil, errors.As(err, &network):
		return n, err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF):
		return n, io.EOF
	case errors.As(err, &corrupt):
		return n, exception(codeChecksum, "CHECKSUM_DOESNT_MATCH", "Checksum doesn't match: corrupted data in a compressed frame")
	}
	return n, exception(codeCannotDecompress, "CANNOT_DECOMPRESS", "Cannot decompress a frame: "+err.Error())
}
