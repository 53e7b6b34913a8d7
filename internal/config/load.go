package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Source is where settings are read from.
type Source struct {
	File        string         // a YAML file; empty for none
	Environment []string       // NAME=value, as os.Environ gives it
	Flags       *pflag.FlagSet // parsed, made with AddFlags; nil for none
	Instance    string         // default of consumer.instance, mostly the host's name; may be empty
}

// The kinds of origin, weakest first.
const (
	FromDefault     = "default"
	FromFile        = "file"
	FromEnvironment = "environment"
	FromFlag        = "flag"
)

// origin is where a value came from: its kind, and the file, variable or flag.
type origin struct{ kind, name string }

// given is one value that a layer holds, already of its setting's type.
type given struct {
	value any
	from  origin
}

// layer is the settings one source gives, by key.
type layer map[string]given

// Loaded is what the sources say, mistakes included. It is not changed once
// loaded.
type Loaded struct {
	config   Config
	origins  map[string]origin
	problems problems
	unread   bool // the file could not be read: what it would have given is not known

	all   []setting
	byKey map[string]setting
}

// Load reads all sources. It always returns a value: Check tells the mistakes.
func Load(s Source) *Loaded {
	l := &Loaded{all: settings(), byKey: map[string]setting{}, origins: map[string]origin{}}
	for _, one := range l.all {
		l.byKey[one.key] = one
	}
	l.config = Defaults()
	if s.Instance != "" {
		l.config.Consumer.Instance = s.Instance
	}
	l.merge(l.fromFile(s.File), l.fromEnvironment(s.Environment), fromFlags(s.Flags))
	l.readSecretFiles()
	l.config.Kafka.TLS.build("kafka.tls", &l.problems)
	l.config.ClickHouse.TLS.build("clickhouse.tls", &l.problems)
	return l
}

// merge lays the layers over the defaults, the last one on top.
func (l *Loaded) merge(layers ...layer) {
	tree := koanf.New(".")
	for _, one := range layers {
		values := make(map[string]any, len(one))
		for key, g := range one {
			values[key] = g.value
			l.origins[key] = g.from
		}
		if err := tree.Load(confmap.Provider(values, "."), nil); err != nil {
			panic(err) // a map in memory with known keys
		}
	}
	// Every value has its field's type already, so nothing is converted here.
	err := tree.UnmarshalWithConf("", &l.config, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		ErrorUnused: true, ZeroFields: true,
	}})
	if err != nil {
		panic(err) // as above
	}
}

// unknown reports a key or variable that does not exist, and the nearest that
// does.
func (l *Loaded) unknown(name, where string) {
	candidates := slices.Collect(maps.Keys(l.byKey))
	if strings.HasPrefix(name, environmentPrefix) {
		candidates = slices.Clone(besides)
		for _, s := range l.all {
			candidates = append(candidates, s.environment())
		}
	}
	if near := nearest(name, candidates); near != "" {
		l.problems.add(name, "there is no such setting (%s); did you mean %s?", where, near)
		return
	}
	l.problems.add(name, "there is no such setting (%s)", where)
}

func (l *Loaded) isSection(key string) bool {
	return slices.ContainsFunc(l.all, func(s setting) bool { return strings.HasPrefix(s.key, key+".") })
}
