package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"gocloud.dev/blob"

	"github.com/pianola/pianola/internal/bucket"
	"github.com/pianola/pianola/internal/bucket/client"
	"github.com/pianola/pianola/internal/safetext"
)

// Places finds the files of a command line.
type Places struct {
	Stdin   io.Reader
	Buckets *client.Buckets
	Log     *zap.Logger
	// Pause is how long to wait before a failed request to a bucket is repeated. Each
	// further pause is twice as long.
	Pause time.Duration
}

// DefaultPause gives a server some ten seconds to come back.
const DefaultPause = 200 * time.Millisecond

// Stdin is the argument for standard input.
const Stdin = "-"

// named is an object with its name in coordinates.
type named struct {
	name   string
	at     string // how to find it again: an absolute path, or a URL with parameters
	object object
}

// expand returns the files of all arguments, each once, in their order.
func (p *Places) expand(ctx context.Context, arguments []string) ([]named, error) {
	var all []named
	for _, argument := range arguments {
		found, err := p.one(ctx, argument)
		if err != nil {
			return nil, err
		}
		for _, n := range found {
			if !slices.ContainsFunc(all, func(other named) bool { return other.name == n.name }) {
				all = append(all, n)
			}
		}
	}
	if len(all) > 1 && slices.ContainsFunc(all, func(n named) bool { return n.name == Stdin }) {
		return nil, errors.New("standard input cannot be read together with files; give it alone")
	}
	return all, nil
}

func (p *Places) one(ctx context.Context, argument string) ([]named, error) {
	switch {
	case argument == Stdin:
		return []named{{Stdin, Stdin, newStdin(p.Stdin)}}, nil
	case bucket.IsURL(argument):
		l, err := bucket.Parse(argument)
		if err != nil {
			return nil, err // it does not repeat the argument
		}
		return p.objects(ctx, argument, l)
	}
	// A name with a special character may be a file.
	if _, err := os.Lstat(argument); err == nil || !strings.ContainsAny(argument, `*?[`) {
		return []named{localNamed(argument)}, nil
	}
	paths, err := filepath.Glob(argument)
	if err != nil {
		return nil, fmt.Errorf("%s: the pattern is not valid; use *, ? and [a-z]", safetext.Name(argument))
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: no file matches the pattern", safetext.Name(argument))
	}
	var all []named
	for _, path := range paths {
		all = append(all, localNamed(path))
	}
	return all, nil
}

func localNamed(path string) named {
	path = filepath.Clean(path)
	return named{path, absolute(path), local{absolute(path)}}
}

func (p *Places) remoteNamed(argument string, l bucket.Location) named {
	_, parameters, has := strings.Cut(argument, "?")
	at := l.Name()
	if has {
		at += "?" + parameters
	}
	return named{l.Name(), at, remote{l, p}}
}

// objects are the objects of a location, which may be a pattern.
func (p *Places) objects(ctx context.Context, argument string, l bucket.Location) ([]named, error) {
	if l.Key == "" || strings.HasSuffix(l.Key, "/") {
		return nil, fmt.Errorf("%s: is a directory; give its objects, for example as %s*.csv.gz", l.Name(), l.Name())
	}
	if !l.HasPattern() {
		return []named{p.remoteNamed(argument, l)}, nil
	}
	b, err := p.Buckets.Get(ctx, l)
	if err != nil {
		return nil, err
	}
	var all []named
	list := b.List(&blob.ListOptions{Prefix: l.Prefix()})
	for {
		found, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", l.Name(), client.Explain(err))
		}
		matches, err := l.Match(found.Key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Name(), err)
		}
		if matches {
			all = append(all, p.remoteNamed(argument, l.At(found.Key)))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no object matches the pattern", l.Name())
	}
	return all, nil
}

// again finds a file of a plan.
func (p *Places) again(f File) (named, error) {
	if bucket.IsURL(f.At) {
		l, err := bucket.Parse(f.At)
		if err != nil {
			return named{}, err
		}
		return named{f.Name, f.At, remote{l, p}}, nil
	}
	if f.At == Stdin {
		return named{}, errStdinOnce
	}
	return named{f.Name, f.At, local{f.At}}, nil
}
