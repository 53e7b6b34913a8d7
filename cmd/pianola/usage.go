package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/config"
)

// usageWidth is the width of help texts where no terminal limits it.
const usageWidth = 100

// flagError does not repeat a value, and explains where a secret belongs: every user of the
// machine can read the command line.
func flagError(_ *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) { // pflag repeats the value, which may be a misplaced secret
		flag := invalid.GetFlag()
		if config.IsSetting(flag) {
			return fmt.Errorf("--%s: %w", flag.Name, invalid.Unwrap())
		}
		return fmt.Errorf("--%s: is not a valid %s", flag.Name, flag.Value.Type())
	}
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return err
	}
	name := missing.GetSpecifiedName()
	if variable, secret := config.SecretVariable(name); secret {
		return fmt.Errorf("%w: secrets are never flags; use --%s_file or %s", err, name, variable)
	}
	return err
}

// usage prints the help of a command: its own flags first, then its settings.
func (a *app) usage(c *cobra.Command) error {
	width := usageWidth
	if w := a.width(); w > 0 {
		width = min(w, usageWidth)
	}
	var b strings.Builder
	if !c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "Usage:\n  %s\n", c.UseLine())
	} else {
		fmt.Fprintf(&b, "Usage:\n  %s COMMAND\n\nCommands:\n", c.CommandPath())
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				fmt.Fprintf(&b, "  %-*s  %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	own, settings := pflag.NewFlagSet("own", pflag.ContinueOnError), pflag.NewFlagSet("settings", pflag.ContinueOnError)
	own.SortFlags, settings.SortFlags = true, false
	c.LocalFlags().SortFlags = false
	sort := func(f *pflag.Flag) {
		if config.IsSetting(f) {
			settings.AddFlag(f)
		} else {
			own.AddFlag(f)
		}
	}
	c.LocalFlags().VisitAll(sort)
	c.InheritedFlags().VisitAll(sort)
	fmt.Fprintf(&b, "\nFlags:\n%s", own.FlagUsagesWrapped(width))
	if settings.HasFlags() {
		fmt.Fprintf(&b, "\nSettings, also in file and environment (pianola config show prints the effective values):\n%s",
			settings.FlagUsagesWrapped(width))
	}
	_, err := fmt.Fprint(c.OutOrStdout(), b.String())
	return err
}
