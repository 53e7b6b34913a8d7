package config

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// AddFlags adds a flag for each setting that names selects by section or by key.
// Without names it adds all settings. Secrets have no flag.
func AddFlags(flags *pflag.FlagSet, names ...string) {
	flags.SortFlags = false // the order of the settings is the order of the page
	for _, s := range settings() {
		named := len(names) == 0 || slices.Contains(names, s.section()) || slices.Contains(names, s.key)
		if s.secret() || !named {
			continue
		}
		flag := flags.VarPF(&flagValue{setting: s}, s.key, "", s.usage())
		if s.typeName() == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
}

// usage is the help text of the flag, with the accepted values and the default.
func (s setting) usage() string {
	text := s.help
	if len(s.values) > 0 {
		text += " [" + strings.Join(s.values, "|") + "]"
	}
	d, rule := s.defaultText(), s.followRule()
	if d != "" && rule != "" {
		d += ", "
	}
	if d += rule; d != "" {
		text += " (default " + d + ")"
	}
	return text
}

// IsSetting reports whether AddFlags added the flag. Help texts list such flags
// below the command's own.
func IsSetting(flag *pflag.Flag) bool {
	_, ok := flag.Value.(*flagValue)
	return ok
}

// Completion returns how a shell completes the flag of a setting: one of values,
// the name of a file, or neither.
func Completion(flag *pflag.Flag) (values []string, file bool) {
	v, ok := flag.Value.(*flagValue)
	if !ok {
		return nil, false
	}
	if v.setting.typeName() == "bool" {
		return []string{"true", "false"}, false
	}
	return v.setting.values, v.setting.file()
}

// SecretVariable returns the environment variable of a secret; false when the key
// is not a secret.
func SecretVariable(key string) (string, bool) {
	for _, s := range settings() {
		if s.key == key && s.secret() {
			return s.environment(), true
		}
	}
	return "", false
}

// flagValue is a setting on the command line. Defaults keeps the default, so that
// an unset flag is not mistaken for a value given as a flag.
type flagValue struct {
	setting setting
	parsed  any
}

// String is empty: the help text already contains the default.
func (v *flagValue) String() string { return "" }

// Type is the name of the value's type in help texts.
func (v *flagValue) Type() string { return v.setting.typeName() }

// Set parses the value. The caller reports its error as wrong usage.
func (v *flagValue) Set(text string) (err error) {
	v.parsed, err = v.setting.parseText(text)
	return err
}

// fromFlags reads the layer of the flags on the command line.
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
