package export

import (
	"context"
	"fmt"
	"io"
)

// stream is standard output: one file and no manifest.
type stream struct{ out io.Writer }

func (s *stream) Create(context.Context, string, Format) (OutputFile, error) {
	return &streamFile{s.out}, nil
}

// streamFile cannot take back what it has written: the exit status says that it is
// incomplete.
type streamFile struct{ out io.Writer }

func (f *streamFile) Write(p []byte) (int, error) {
	n, err := f.out.Write(p)
	if err != nil {
		err = &OutputError{err}
	}
	return n, err
}

func (f *streamFile) Keep() error { return nil }
func (f *streamFile) Drop()       {}

// OutputError is a failed write to standard output.
type OutputError struct{ cause error }

// Error has the cause.
func (e *OutputError) Error() string { return fmt.Sprintf("write to standard output: %v", e.cause) }

// Unwrap returns the cause.
func (e *OutputError) Unwrap() error { return e.cause }

func (s *stream) Publish(context.Context, string, []byte) error  { return nil }
func (s *stream) Discard()                                       {}
func (s *stream) List(context.Context, string) ([]string, error) { return nil, nil }
func (s *stream) Read(context.Context, string) ([]byte, error)   { return nil, nil }
