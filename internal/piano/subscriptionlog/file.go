package subscriptionlog

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"path"
	"strings"
)

// maxUnpacked and maxRatio limit an archive. Subscriptions compress to about a tenth, and
// a billion of them are below the first. Reading takes time and no memory, so both are
// generous.
const (
	maxUnpacked = 1 << 40
	maxRatio    = 500
	ratioFrom   = 64 << 20 // below this size the ratio is not checked
)

// unpacked returns the CSV: the file itself, or the only file in the archive. closer is nil
// where there is nothing to close.
func unpacked(file io.ReaderAt, size int64) (content io.Reader, closer io.Closer, err error) {
	plain := io.NewSectionReader(file, 0, size)
	magic := make([]byte, 4)
	n, err := io.ReadFull(io.NewSectionReader(file, 0, size), magic)
	switch magic = magic[:n]; {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, nil, unreadable("", "%w", err)
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		return nil, nil, unreadable("unpack it first", "is packed by gzip")
	case !bytes.HasPrefix(magic, []byte("PK\x03\x04")) && !bytes.HasPrefix(magic, []byte("PK\x05\x06")):
		return plain, nil, nil
	}
	archive, err := zip.NewReader(file, size)
	if err != nil {
		return nil, nil, unreadable("fetch it again", "a damaged zip archive")
	}
	one, err := only(archive.File)
	if err != nil {
		return nil, nil, err
	}
	opened, err := one.Open()
	if err != nil {
		return nil, nil, unreadable("unpack it first", "the zip archive has an unknown compression")
	}
	return opened, opened, nil
}

// only returns the only file of an archive. It ignores the files that macOS adds.
func only(members []*zip.File) (*zip.File, error) {
	var one *zip.File
	for _, m := range members {
		if m.FileInfo().IsDir() || strings.HasPrefix(m.Name, "__MACOSX/") || path.Base(m.Name) == ".DS_Store" {
			continue
		}
		if one != nil {
			return nil, unreadable("take the subscription log out of it", "a zip archive of several files, or a workbook")
		}
		one = m
	}
	const encrypted = 0x1
	switch {
	case one == nil:
		return nil, unreadable("", "a zip archive without a file")
	case one.Flags&encrypted != 0:
		return nil, unreadable("unpack it first", "the zip archive wants a password")
	// archive/zip returns no more bytes than are declared here.
	case one.UncompressedSize64 > maxUnpacked,
		one.UncompressedSize64 > ratioFrom && one.UncompressedSize64/maxRatio > one.CompressedSize64:
		return nil, unreadable("unpack it first if it is the right file", "the zip archive unpacks to far more than a log does")
	default:
		return one, nil
	}
}

// begin checks the first bytes, and skips a byte order mark.
func begin(r *bufio.Reader) error {
	head, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return damaged(0, err)
	}
	const hint = "save it as UTF-8"
	switch {
	case len(head) == 0:
		return &Error{cause: errEmpty}
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, err := r.Discard(3)
		if err == nil {
			if _, err = r.Peek(1); errors.Is(err, io.EOF) {
				return &Error{cause: errEmpty}
			}
		}
		if err != nil {
			return damaged(0, err)
		}
		return nil
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")), bytes.IndexByte(head, 0) >= 0:
		return unreadable(hint, "is UTF-16")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return unreadable("unpack the outer one first", "a zip archive in a zip archive")
	default:
		return nil
	}
}

// damaged is an error of reading, as opposed to invalid content. after is the line of the
// last complete record.
func damaged(after int, err error) error {
	packed := errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, new(flate.CorruptInputError))
	if packed {
		return &Error{Line: after, Hint: "fetch the file again", cause: errDamaged}
	}
	return &Error{Line: after, cause: err}
}

var errDamaged = errors.New("the zip archive is damaged after this")
