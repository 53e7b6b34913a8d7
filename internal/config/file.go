package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/pianola/pianola/internal/safetext"
)

// maxFile limits the size of a configuration or secret file, so that a wrong path is a
// clear error.
const maxFile = 1 << 20

// yamlLine finds the place in an error of the parser.
var yamlLine = regexp.MustCompile(`line \d+`)

// fromFile reads the layer of the YAML file; an empty path means no file.
func (l *Loaded) fromFile(path string) layer {
	found := layer{}
	if path == "" {
		return found
	}
	text, err := readBounded(path, maxFile)
	if err != nil {
		l.problems.add("", "configuration file %s: %v", safetext.Name(path), cause(err))
		l.unread = true
		return found
	}
	documents := yaml.NewDecoder(bytes.NewReader(text))
	var tree map[string]any
	if err := documents.Decode(&tree); err != nil && !errors.Is(err, io.EOF) {
		// The parser quotes the text, which may be a secret.
		where := yamlLine.FindString(err.Error())
		if where == "" {
			where = "its content"
		}
		l.problems.add("", "configuration file %s: not a YAML map of settings; check %s", safetext.Name(path), where)
		l.unread = true
		return found
	}
	if line := secondDocument(documents); line > 0 {
		l.problems.add("", "configuration file %s: a second YAML document begins at line %d, and only the first is read; merge them into one", safetext.Name(path), line)
		l.unread = true
	}
	l.flatten(found, origin{kind: FromFile, name: safetext.Name(path)}, tree, "")
	return found
}

// secondDocument returns the line of the first content after the first document, or 0.
// A separator without content after it loses nothing. What cannot be parsed counts as
// content.
func secondDocument(documents *yaml.Decoder) int {
	for {
		var document yaml.Node
		err := documents.Decode(&document)
		switch {
		case errors.Is(err, io.EOF):
			return 0
		case err != nil:
			line := 1
			_, _ = fmt.Sscanf(yamlLine.FindString(err.Error()), "line %d", &line)
			return line
		case len(document.Content) > 0 && document.Content[0].Tag != "!!null":
			return document.Content[0].Line
		}
	}
}

// flatten converts the tree into keys, in order, so that problems are in order too.
func (l *Loaded) flatten(found layer, from origin, tree map[string]any, prefix string) {
	names := make([]string, 0, len(tree))
	for name := range tree {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		key, value := prefix+name, tree[name]
		s, known := l.byKey[key]
		switch {
		case known && value == nil: // "key:" with nothing after it
		case known:
			if _, twice := found[key]; twice {
				l.problems.unreadable(key, "is set twice in %s", from.name)
				continue
			}
			parsed, err := s.parseYAML(value)
			if err != nil {
				l.problems.unreadable(key, "%v (in %s)", err, from.name)
				continue
			}
			found[key] = given{parsed, from}
		case l.isSection(key):
			below, ok := value.(map[string]any)
			if !ok && value != nil {
				l.problems.add(key, "is a section; put its settings below it (in %s)", from.name)
				continue
			}
			l.flatten(found, from, below, key+".")
		default:
			l.unknown(key, "in "+from.name)
		}
	}
}

// cause is the error without the operation and the path.
func cause(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// readBounded reads a file or a pipe of a shell or service manager.
func readBounded(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("the file is larger than %v", Size(limit))
	}
	return text, err
}
