package config

import (
	"slices"
	"strings"
)

// environmentPrefix begins the name of every variable that is ours.
const environmentPrefix = "PIANOLA_"

// FileVariable names the configuration file where --config does not.
const FileVariable = environmentPrefix + "CONFIG"

// besides are the variables that begin like a setting and are none: the file, and
// the library that the sandbox loads.
var besides = []string{FileVariable, "PIANOLA_LIBCHDB"}

// testPrefix begins the variables that the project's tests speak to each other
// with; a program that a test starts inherits them.
const testPrefix = environmentPrefix + "TEST_"

// fromEnvironment reads the layer of the environment. An empty variable is not
// set: that is what compose files and charts leave behind where nothing is meant.
func (l *Loaded) fromEnvironment(variables []string) layer {
	byName := map[string]setting{}
	for _, s := range l.byKey {
		byName[s.environment()] = s
	}
	found := layer{}
	for _, variable := range slices.Sorted(slices.Values(variables)) {
		name, text, _ := strings.Cut(variable, "=")
		s, known := byName[name]
		switch {
		case !strings.HasPrefix(name, environmentPrefix), strings.HasPrefix(name, testPrefix), slices.Contains(besides, name):
		case known && text == "":
		case !known:
			l.unknown(name, "in the environment")
		default:
			value, err := s.parseText(text)
			if err != nil {
				l.problems.unreadable(s.key, "%v (in the environment, %s)", err, name)
				continue
			}
			found[s.key] = given{value, origin{kind: FromEnvironment, name: name}}
		}
	}
	return found
}

// FileFromEnvironment is the configuration file that the environment names, or
// empty.
func FileFromEnvironment(variables []string) string {
	for _, variable := range variables {
		if name, path, _ := strings.Cut(variable, "="); name == FileVariable {
			return path
		}
	}
	return ""
}
