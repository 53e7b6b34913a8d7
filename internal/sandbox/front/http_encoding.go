package front

import (
	"bufio"
	"fmt"
	"io"
	"net/http"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxZstdWindow bounds the memory that a zstd body may ask for.
const maxZstdWindow = 64 << 20

// decoded undoes the encodings of a request's body: the Content-Encoding, then,
// with decompress=1, ClickHouse's own frames.
func decoded(r *http.Request, frames bool) (io.Reader, error) {
	body, err := contentDecoded(r)
	if err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	if frames {
		return newFrameReader(bufio.NewReaderSize(body, connBuffer)), nil
	}
	return body, nil
}

func contentDecoded(r *http.Request) (io.Reader, error) {
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return r.Body, nil
	case "gzip", "x-gzip":
		return gzip.NewReader(r.Body)
	case "deflate":
		return zlib.NewReader(r.Body)
	case "br":
		return brotli.NewReader(r.Body), nil
	case "lz4":
		return lz4.NewReader(r.Body), nil
	case "zstd":
		return zstd.NewReader(r.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow))
	default:
		return nil, exception(codeUnknownCompression, "UNKNOWN_COMPRESSION_METHOD", "Unknown compression method in Content-Encoding: gzip, deflate, br, lz4 and zstd are taken")
	}
}
