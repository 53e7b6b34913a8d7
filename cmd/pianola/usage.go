package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/config"
)

// usageWidth is the width of help texts where no terminal limits it.
const usageWidth = 100

// hideArguments makes a command and those below it check their arguments without showing
// one: it may be an address, a name or a secret. Cobra repeats them.
func hideArguments(c *cobra.Command) {
	check := c.Args
	if check == nil {
		check = cobra.ArbitraryArgs
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if check(c, args) == nil {
			return nil
		}
		if c.HasAvailableSubCommands() {
			return errors.New("unknown command" + suggestion(c, args[0]))
		}
		// The same check of other arguments says whether their number is wrong.
		others := make([]string, len(args))
		for i := range others {
			others[i] = "ARGUMENT"
		}
		err := check(c, others)
		switch {
		case err != nil && !strings.Contains(err.Error(), "ARGUMENT"):
			return err
		case len(c.ValidArgs) > 0:
			return errors.New("unknown argument; use one of " + strings.Join(c.ValidArgs, ", "))
		default:
			return errors.New("unexpected argument")
		}
	}
	for _, sub := range c.Commands() {
		hideArguments(sub)
	}
}

// suggestion are the commands with a similar name.
func suggestion(c *cobra.Command, typed string) string {
	c.SuggestionsMinimumDistance = 2
	similar := c.SuggestionsFor(typed)
	if len(similar) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(similar, " or ") + "?"
}

// helpTopic checks the arguments of the command help.
func helpTopic(c *cobra.Command, args []string) error {
	_, rest, err := c.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return errors.New("unknown command")
	}
	return nil
}

// flagName is the form of a name of a flag. Another text may be an address.
var flagName = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,60}$`)

// flagError repeats neither a value nor what has not the form of a flag, and explains where
// a secret belongs: every user of the machine can read the command line.
func flagError(_ *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	var missing *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	switch {
	case errors.As(err, &invalid): // pflag repeats the value, which may be a misplaced secret
		flag := invalid.GetFlag()
		if config.IsSetting(flag) {
			return fmt.Errorf("--%s: %w", flag.Name, invalid.Unwrap())
		}
		return fmt.Errorf("--%s: is not a valid %s", flag.Name, flag.Value.Type())
	case errors.As(err, &bare):
		return fmt.Errorf("--%s: needs a value", bare.GetFlag().Name)
	case errors.Is(err, pflag.ErrHelp):
		return err
	case !errors.As(err, &missing):
		return errors.New("a flag has a wrong form; use --name value")
	}
	name := missing.GetSpecifiedName()
	switch variable, secret := config.SecretVariable(name); {
	case secret:
		return fmt.Errorf("unknown flag: --%s: secrets are never flags; use --%s_file or %s", name, name, variable)
	case missing.GetSpecifiedShortnames() != "":
		return errors.New("unknown flag; flags begin with --")
	case flagName.MatchString(name):
		return fmt.Errorf("unknown flag: --%s", name)
	default:
		return errors.New("unknown flag")
	}
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
