// Package assets has the files that browsers load: the style sheet and script of the
// console, and the vendored libraries htmx and uPlot. Everything is embedded, so the console
// works offline. vendored/versions.json states version, licence and integrity of each
// vendored package; .ci/vendored.mjs compares them with the published ones.
package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
)

//go:embed console.css console.js vendored
var files embed.FS

// Asset is a file under a URL that changes with its content, so that browsers may keep it.
type asset struct {
	body        []byte
	contentType string
}

// Set is all files by URL.
type Set struct {
	byURL map[string]asset
	urls  map[string]string // by path
}

// Load reads the embedded files.
func Load() (*Set, error) {
	s := &Set{byURL: map[string]asset{}, urls: map[string]string{}}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		kind := mime.TypeByExtension(path.Ext(name))
		if err != nil || entry.IsDir() || (path.Ext(name) != ".css" && path.Ext(name) != ".js") {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		url := "/assets/" + hex.EncodeToString(sum[:8]) + "/" + path.Base(name)
		s.byURL[url] = asset{body: body, contentType: kind}
		s.urls[name] = url
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read embedded files: %w", err)
	}
	return s, nil
}

// URL is the address of a file; an unknown file is an error of the template.
func (s *Set) URL(name string) (string, error) {
	url, found := s.urls[name]
	if !found {
		return "", fmt.Errorf("there is no embedded file %s", name)
	}
	return url, nil
}

// ServeHTTP sends a file. Its URL contains its hash, so it never changes.
func (s *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, ok := s.byURL[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", found.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(found.body) // the client has closed the connection
}
