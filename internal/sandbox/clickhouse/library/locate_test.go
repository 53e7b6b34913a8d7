package library

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// archive writes a package archive with one file and gives its path and
// integrity.
func archive(t *testing.T, name, content string) (path, integrity string) {
	t.Helper()
	var b bytes.Buffer
	compressed := gzip.NewWriter(&b)
	files := tar.NewWriter(compressed)
	if err := files.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(content)), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(files.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "package.tgz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(b.Bytes())
	return path, "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestUnpack(t *testing.T) {
	ctx := context.Background()
	t.Run("the library is unpacked", func(t *testing.T) {
		path, integrity := archive(t, "package/libchdb.so", "engine")
		target := filepath.Join(t.TempDir(), "libchdb.so")
		if err := unpack(ctx, path, integrity, target); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(target); err != nil || string(got) != "engine" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("another archive is refused before anything is unpacked", func(t *testing.T) {
		path, _ := archive(t, "package/libchdb.so", "engine")
		target := filepath.Join(t.TempDir(), "libchdb.so")
		if err := unpack(ctx, path, packs["linux/amd64"].integrity, target); !errors.Is(err, ErrIntegrity) {
			t.Errorf("%v", err)
		}
		if found(target) {
			t.Error("it was unpacked")
		}
	})
	t.Run("an archive without the library is an error", func(t *testing.T) {
		path, integrity := archive(t, "package/index.js", "")
		if err := unpack(ctx, path, integrity, filepath.Join(t.TempDir(), "libchdb.so")); err == nil {
			t.Error("no error")
		}
	})
}

func TestLocate(t *testing.T) {
	ctx := context.Background()
	t.Run("the variable comes first", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "mine.so")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(LibraryVariable, path)
		if got, err := Locate(ctx, nil); err != nil || got != path {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("a variable that names nothing is an error", func(t *testing.T) {
		t.Setenv(LibraryVariable, filepath.Join(t.TempDir(), "none.so"))
		if _, err := Locate(ctx, nil); err == nil || !strings.Contains(err.Error(), LibraryVariable) {
			t.Errorf("%v", err)
		}
	})
	t.Run("the cache is used", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, libraryFile)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := locateIn(ctx, dir, func(string) { t.Error("something was fetched") }); err != nil || got != path {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("without npm the error says what to do", func(t *testing.T) {
		t.Setenv("PATH", "")
		_, err := locateIn(ctx, t.TempDir(), func(string) {})
		if err == nil || !strings.Contains(err.Error(), LibraryVariable) {
			t.Errorf("%v", err)
		}
	})
}

func TestRemoveLeftovers(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "fetch-123", "package"), 0o755); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, libraryFile)
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := removeLeftovers(dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != libraryFile {
		t.Errorf("%v, %v", left, err)
	}
}
