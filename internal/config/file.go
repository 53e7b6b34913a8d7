package config

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	"github.com/knadh/koanf/parsers/yaml"
)

// maxFile limits the size of a configuration or secret file, so that a wrong path is a
// clear error.
const maxFile = 1 << 20

// fromFile reads the layer of the YAML file; an empty path means no file.
func (l *Loaded) fromFile(path string) layer {
	found := layer{}
	if path == "" {
		return found
	}
	text, err := readBounded(path, maxFile)
	if err != nil {
		l.problems.add("", "configuration file: %v", err)
		l.unread = true
		return found
	}
	tree, err := yaml.Parser().Unmarshal(text)
	if err != nil {
		// The parser quotes the text, which may be a secret.
		where := regexp.MustCompile(`line \d+`).FindString(err.Error())
		if where == "" {
			where = "its content"
		}
		l.problems.add("", "configuration file %s: not a YAML map of settings; check %s", path, where)
		l.unread = true
		return found
	}
	l.flatten(found, origin{kind: FromFile, name: path}, tree, "")
	return found
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

// readBounded reads a file or a pipe of a shell or service manager.
func readBounded(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("read %s: the file is larger than %v", path, Size(limit))
	}
	return text, err
}
