package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/config"
)

// usageWidth is how wide help texts may grow.
const usageWidth = 100

// flagError says where a secret belongs when it is given as a flag: on the command
// line every user of the machine could read it.
func flagError(_ *cobra.Command, err error) error {
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

// usage prints how a command is called: its own flags first, then the settings
// that it reads, which are many and also live elsewhere.
func usage(c *cobra.Command) error {
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
	fmt.Fprintf(&b, "\nFlags:\n%s", own.FlagUsagesWrapped(usageWidth))
	if settings.HasFlags() {
		fmt.Fprintf(&b, "\nSettings, also in the file and the environment (pianola config show prints them with their values):\n%s",
			settings.FlagUsagesWrapped(usageWidth))
	}
	_, err := fmt.Fprint(c.OutOrStdout(), b.String())
	return err
}
