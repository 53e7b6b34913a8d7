package config

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Source contains the inputs of Load.
type Source struct {
	File        string         // a YAML file; empty for none
	Environment []string       // NAME=value, as os.Environ gives it
	Flags       *pflag.FlagSet // parsed, made with AddFlags; nil for none
	Instance    string         // default of consumer.instance, usually the host name; may be empty
}

// Kinds of origin, in increasing priority.
const (
	FromDefault     = "default"
	FromFile        = "file"
	FromEnvironment = "environment"
	FromFlag        = "flag"
)

// origin is where a value came from: its kind, and the file, variable or flag.
type origin struct{ kind, name string }

// given is a value of a layer, already of the type of its setting.
type given struct {
	value any
	from  origin
}

// layer is the settings of one source, by key.
type layer map[string]given

// Loaded is the merged settings with their mistakes. It is immutable.
type Loaded struct {
	config   Config
	origins  map[string]origin
	followed map[string]string // how a default differs from the documented one, by key
	problems problems
	unread   bool // the file was unreadable, so its values are unknown

	interrupted error // of LoadInterruptible

	all   []setting
	byKey map[string]setting
}

// LoadInterruptible is Load, but ends with ctx: to open a named pipe waits for its writer.
// Then Check returns the context's error. The goroutine remains until the process ends.
func LoadInterruptible(ctx context.Context, s Source) *Loaded {
	loaded := make(chan *Loaded, 1)
	go func() { loaded <- Load(s) }()
	select {
	case l := <-loaded:
		return l
	case <-ctx.Done():
		return &Loaded{interrupted: ctx.Err()}
	}
}

// Err is the context's error, where LoadInterruptible was interrupted.
func (l *Loaded) Err() error { return l.interrupted }

// Load reads all sources. It always returns a value; Check reports the mistakes.
func Load(s Source) *Loaded {
	l := &Loaded{all: settings(), byKey: map[string]setting{}, origins: map[string]origin{}, followed: map[string]string{}}
	for _, one := range l.all {
		l.byKey[one.key] = one
	}
	l.config = Defaults()
	if s.Instance != "" {
		l.config.Consumer.Instance = s.Instance
	}
	l.merge(l.fromFile(s.File), l.fromEnvironment(s.Environment), fromFlags(s.Flags))
	l.followDefaults()
	l.readSecretFiles()
	l.config.Kafka.TLS.build("kafka.tls", &l.problems)
	l.config.ClickHouse.TLS.build("clickhouse.tls", &l.problems)
	return l
}

// merge applies the layers to the defaults; later layers win.
func (l *Loaded) merge(layers ...layer) {
	tree := koanf.New(".")
	for _, one := range layers {
		values := make(map[string]any, len(one))
		for key, g := range one {
			values[key] = g.value
			l.origins[key] = g.from
		}
		if err := tree.Load(confmap.Provider(values, "."), nil); err != nil {
			panic(err) // impossible: a map in memory with known keys
		}
	}
	// Every value already has the type of its field, so nothing is converted.
	err := tree.UnmarshalWithConf("", &l.config, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		ErrorUnused: true, ZeroFields: true,
	}})
	if err != nil {
		panic(err) // as above
	}
}

// unknown reports an unknown key or variable with the nearest existing one.
func (l *Loaded) unknown(name, where string) {
	candidates := slices.Collect(maps.Keys(l.byKey))
	if strings.HasPrefix(name, environmentPrefix) {
		candidates = slices.Clone(otherVariables)
		for _, s := range l.all {
			candidates = append(candidates, s.environment())
		}
	}
	if near := nearest(name, candidates); near != "" {
		l.problems.add(name, "unknown setting (%s); did you mean %s?", where, near)
		return
	}
	l.problems.add(name, "unknown setting (%s)", where)
}

func (l *Loaded) isSection(key string) bool {
	return slices.ContainsFunc(l.all, func(s setting) bool { return strings.HasPrefix(s.key, key+".") })
}
