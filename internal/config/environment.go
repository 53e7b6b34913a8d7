package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// environmentPrefix is the prefix of all environment variables of settings.
const environmentPrefix = "PIANOLA_"

// FileVariable names the configuration file when --config is not set.
const FileVariable = environmentPrefix + "CONFIG"

// otherVariables have the prefix but are not settings: the configuration file, and the
// library that the sandbox loads.
var otherVariables = []string{FileVariable, "PIANOLA_LIBCHDB"}

// testPrefix is the prefix of variables of the project's tests. A program that a test
// starts inherits them.
const testPrefix = environmentPrefix + "TEST_"

func variableName(key string) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Variable returns the environment variable of a setting, by its key path.
func Variable(key, value string) string { return variableName(key) + "=" + value }

// Environment returns the environment of a process that has these settings and no others:
// inherited, without Pianola's variables.
func Environment(inherited []string, settings map[string]string) []string {
	var all []string
	for _, variable := range inherited {
		if !strings.HasPrefix(variable, environmentPrefix) {
			all = append(all, variable)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		all = append(all, Variable(key, settings[key]))
	}
	return all
}

// fromEnvironment reads the layer of the environment. An empty variable counts as not
// set, because compose files and charts create empty variables for absent values.
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
		case !strings.HasPrefix(name, environmentPrefix), strings.HasPrefix(name, testPrefix), slices.Contains(otherVariables, name):
		case known && text == "":
		case !known && isServiceLink(name, text):
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

// FileFromEnvironment returns the configuration file of the environment, or empty.
func FileFromEnvironment(variables []string) string {
	for _, variable := range variables {
		if name, path, _ := strings.Cut(variable, "="); name == FileVariable {
			return path
		}
	}
	return ""
}

// serviceLink and servicePort match the variables that Kubernetes sets in every
// container of a namespace for a service called pianola or pianola-….
var (
	serviceLink = regexp.MustCompile(`^PIANOLA_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)$`)
	servicePort = regexp.MustCompile(`^PIANOLA_(\w+_)?PORT$`)
)

// isServiceLink reports whether a variable is a service link. A name like PIANOLA_PORT may
// also be a mistake of a person, so its value decides: in a service link it is a URL.
func isServiceLink(name, text string) bool {
	return serviceLink.MatchString(name) || servicePort.MatchString(name) && strings.Contains(text, "://")
}
