package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	return group("config", "look at the configuration", a.configValidateCommand(), a.configShowCommand())
}

// validation is what `config validate` finds, as --json shows it.
type validation struct {
	Valid       bool             `json:"valid"`
	Mistakes    []config.Problem `json:"mistakes"`
	Warnings    []config.Problem `json:"warnings"`
	Off         []config.Problem `json:"off"` // what the configuration leaves out
	Connections []connection     `json:"connections,omitempty"`
}

func (a *app) configValidateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "validate",
		Short: "tell every mistake in the configuration",
		Long: `Reads flags, environment and file as pianola run would and tells every mistake at
once, each with its key, without connecting to anything. With --connect it also
tries the login to Kafka, the topics, ClickHouse and its schema, and, where a token
is set, Piano's API.`,
		Example: `  pianola config validate --config pianola.yaml
  pianola config validate --connect`,
		Args: cobra.NoArgs,
	}
	connect := c.Flags().Bool("connect", false, "try Kafka, ClickHouse and Piano's API too")
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		settings, err := a.load(c).Check()
		found := validation{Valid: err == nil, Mistakes: []config.Problem{}, Warnings: []config.Problem{}, Off: []config.Problem{}}
		if err != nil {
			var mistakes *config.Error
			if *asJSON && errors.As(err, &mistakes) {
				found.Mistakes = mistakes.Problems
				return errors.Join(err, a.printJSON(found))
			}
			return err
		}
		found.Warnings = append(found.Warnings, settings.Warnings()...)
		found.Off = append(found.Off, settings.Off()...)
		if *connect {
			found.Connections = a.tryConnections(c.Context(), settings)
		}
		if *asJSON {
			err = a.printJSON(found)
		} else {
			err = a.print(found.String())
		}
		return errors.Join(err, failed(found.Connections))
	}
	return c
}

// String is a line for each thing found.
func (v validation) String() string {
	var b strings.Builder
	b.WriteString("the configuration is valid\n")
	for _, w := range v.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	for _, one := range v.Off {
		fmt.Fprintf(&b, "off: %s\n", one)
	}
	for _, one := range v.Connections {
		if one.OK {
			fmt.Fprintf(&b, "%s: ok\n", one.Name)
		} else {
			fmt.Fprintf(&b, "%s: FAILED: %s\n", one.Name, one.Error)
		}
	}
	return b.String()
}

func (a *app) configShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show",
		Short: "print every setting, its value and where it came from",
		Long: `Prints the settings as pianola run would see them. Secrets show as *** when they
are set. Mistakes do not stop it; pianola config validate tells them.`,
		Example: `  pianola config show
  PIANOLA_BATCH_MAX_WAIT=5s pianola config show --json`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		loaded := a.load(c)
		entries := loaded.Entries()
		if *asJSON {
			return a.printJSON(entries)
		}
		var b strings.Builder
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
		for _, e := range entries {
			from := e.Origin
			if e.Where != "" {
				from += " " + e.Where
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", e.Key, printable(e.Text()), from)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for _, one := range loaded.Off() {
			fmt.Fprintf(&b, "\noff: %s\n", one)
		}
		return a.print(b.String())
	}
	return c
}
