package library

import (
	"archive/tar"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
)

// ErrIntegrity says that an archive is not the one that was pinned.
var ErrIntegrity = errors.New("the archive is not the pinned one")

// maxLibraryBytes bounds what is unpacked: a little more than three times what
// the library takes.
const maxLibraryBytes = 2 << 30

// unpack checks the archive's SHA-512 and writes the library in it to target.
// The whole archive is checked before anything of it is unpacked.
func unpack(ctx context.Context, archive, integrity, target string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha512.New()
	if _, err := io.Copy(sum, untilDone{ctx, f}); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != integrity {
		return fmt.Errorf("%w: its integrity is %s instead of %s; remove npm's cache and try again", ErrIntegrity, got, integrity)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	plain, err := gzip.NewReader(untilDone{ctx, f})
	if err != nil {
		return err
	}
	defer func() { _ = plain.Close() }() // of a reader: nothing was promised
	for files := tar.NewReader(plain); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("no %s in the archive", libraryFile)
		}
		if err != nil {
			return err
		}
		if header.Name == "package/"+libraryFile && header.Typeflag == tar.TypeReg {
			if header.Size > maxLibraryBytes {
				return fmt.Errorf("%s has %d bytes, more than the %d expected", libraryFile, header.Size, maxLibraryBytes)
			}
			return write(target, files)
		}
	}
}

// write makes the file durable, since its rename is taken as proof that it is
// whole.
func write(target string, content io.Reader) error {
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, content)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// untilDone reads until its context is done.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}
