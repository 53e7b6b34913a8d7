package safetext

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isUnsafe reports whether a rune acts on the reader instead of being visible.
func isUnsafe(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Cell replaces each unsafe or invalid character of a text by ·, so that it stays within
// its line and has one column for each character.
func Cell(text string) string {
	return strings.Map(func(r rune) rune {
		if isUnsafe(r) || r == utf8.RuneError {
			return '·'
		}
		return r
	}, text)
}

// Name is a file name, a path or a URL for an error text. One with an unsafe or invalid
// character is quoted as in Go, so that it stays within its line and can be copied.
func Name(name string) string {
	if utf8.ValidString(name) && !strings.ContainsFunc(name, isUnsafe) {
		return name
	}
	return strconv.Quote(name)
}

// NameError is an error of the file system whose path is safe to print.
func NameError(err error) error {
	var path *fs.PathError
	if !errors.As(err, &path) {
		return err
	}
	return &fs.PathError{Op: path.Op, Path: Name(path.Path), Err: path.Err}
}

// Lines escapes the unsafe characters of an output, as \u009b. Line feeds and tabs stay,
// and so do the sequences in keep.
func Lines(text string, keep ...string) string { return string(Append(nil, []byte(text), keep...)) }

// Append appends what Lines returns.
func Append(dst, text []byte, keep ...string) []byte {
	from := 0 // start of what is not yet appended
	for i := 0; i < len(text); {
		if c := text[i]; c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		if n := prefixOf(text[i:], keep); n > 0 {
			i += n
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		invalid := r == utf8.RuneError && size == 1
		if invalid || isUnsafe(r) {
			dst = append(dst, text[from:i]...)
			from = i + size
			if invalid { // 0x9b alone is a control character for some terminals
				dst = fmt.Appendf(dst, `\x%02x`, text[i])
			} else {
				dst = appendEscape(dst, r)
			}
		}
		i += size
	}
	return append(dst, text[from:]...)
}

// prefixOf returns the length of the sequence that the text begins with, or 0.
func prefixOf(text []byte, sequences []string) int {
	for _, one := range sequences {
		if strings.HasPrefix(string(text[:min(len(one), len(text))]), one) {
			return len(one)
		}
	}
	return 0
}

// appendEscape appends the JSON notation, a surrogate pair beyond 16 bits.
func appendEscape(dst []byte, r rune) []byte {
	if r <= 0xffff {
		return fmt.Appendf(dst, `\u%04x`, r)
	}
	r -= 0x10000
	return fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
}

// Writer is Lines for what is written to it. A character must not be split between writes,
// as by a buffer of fixed size.
func Writer(w io.Writer, keep ...string) io.Writer { return &writer{w, keep} }

type writer struct {
	to   io.Writer
	keep []string
}

func (w *writer) Write(p []byte) (int, error) {
	if _, err := w.to.Write(Append(nil, p, w.keep...)); err != nil {
		return 0, err
	}
	return len(p), nil
}
