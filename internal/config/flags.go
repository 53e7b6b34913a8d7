package config

import (
	"slices"

	"github.com/spf13/pflag"
)

// AddFlags gives the flag set a flag for every setting named, by its section or by
// its key, or for all settings when none is named; secrets have none.
func AddFlags(flags *pflag.FlagSet, names ...string) {
	for _, s := range settings() {
		named := len(names) == 0 || slices.Contains(names, s.section()) || slices.Contains(names, s.key)
		if s.secret() || !named {
			continue
		}
		flag := flags.VarPF(&flagValue{setting: s}, s.key, "", s.help)
		if s.typeName() == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
}

// IsSetting says whether a flag is one of AddFlags, and so belongs below the
// command's own in a help text.
func IsSetting(flag *pflag.Flag) bool {
	_, ok := flag.Value.(*flagValue)
	return ok
}

// SecretVariable is the variable that takes the secret of that key, false where the
// key is none of a secret.
func SecretVariable(key string) (string, bool) {
	for _, s := range settings() {
		if s.key == key && s.secret() {
			return s.environment(), true
		}
	}
	return "", false
}

// flagValue is a setting on the command line. Its default stays with Defaults, so
// that the origin of a value remains visible.
type flagValue struct {
	setting setting
	parsed  any
}

// String is empty, so that help texts show no default: `config show` does, with
// its origin.
func (v *flagValue) String() string { return "" }

// Type is what help texts call the value.
func (v *flagValue) Type() string { return v.setting.typeName() }

// Set parses; its error makes a wrong usage.
func (v *flagValue) Set(text string) (err error) {
	v.parsed, err = v.setting.parseText(text)
	return err
}

// fromFlags reads the layer of the flags that were given.
func fromFlags(flags *pflag.FlagSet) layer {
	found := layer{}
	if flags == nil {
		return found
	}
	flags.Visit(func(flag *pflag.Flag) {
		if v, ok := flag.Value.(*flagValue); ok {
			found[v.setting.key] = given{v.parsed, origin{kind: FromFlag, name: "--" + flag.Name}}
		}
	})
	return found
}
