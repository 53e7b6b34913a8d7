package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	return group("config", "validate and show the configuration", a.configValidateCommand(), a.configShowCommand())
}

// validation is the result of `config validate`, as --json shows it.
type validation struct {
	Valid       bool             `json:"valid"`
	Mistakes    []config.Problem `json:"mistakes"`
	Warnings    []config.Problem `json:"warnings"`
	Off         []config.Problem `json:"off"` // disabled features
	Connections []connection     `json:"connections,omitempty"`
}

func (a *app) configValidateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "validate",
		Short: "report every mistake in the configuration",
		Long: `Reads flags, environment and file like pianola run, and reports all mistakes
together, each with its key. It opens no connection. With --connect it also
checks Kafka's login and topics, the leader of every partition and the group's
coordinator, ClickHouse and its schema, and Piano's API when a token is set.`,
		Example: `  pianola config validate --config pianola.yaml
  pianola config validate --connect`,
		Args: cobra.NoArgs,
	}
	connect := c.Flags().Bool("connect", false, "also connect to Kafka, ClickHouse and Piano's API")
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
			found.Connections = a.checkConnections(c.Context(), settings)
		}
		if *asJSON {
			err = a.printJSON(found)
		} else {
			t, _ := a.terminalOf(a.stdout)
			err = a.print(found.text(t))
		}
		return errors.Join(err, connectionError(found.Connections))
	}
	return c
}

// text has one line for each result.
func (v validation) text(t terminal) string {
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
			fmt.Fprintf(&b, "%s: %s (%s)\n", one.Name, t.green("ok"), one.Detail)
		} else {
			fmt.Fprintf(&b, "%s: %s: %s\n", one.Name, t.red("FAILED"), one.Error)
		}
	}
	return b.String()
}

func (a *app) configShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show",
		Short: "print every setting with its value and origin",
		Long: `Prints the effective settings of pianola run. Secrets that are set show as ***.
Mistakes do not stop the command; use pianola config validate to see them.`,
		Example: `  pianola config show
  PIANOLA_BATCH_MAX_WAIT=5s pianola config show --json`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		loaded := a.load(c)
		if err := loaded.Err(); err != nil {
			return err
		}
		entries := loaded.Entries()
		if *asJSON {
			return a.printJSON(entries)
		}
		all := table{titles: []string{"SETTING", "VALUE", "FROM"}}
		for _, e := range entries {
			from := e.Origin
			if e.Where != "" {
				from += " " + e.Where
			}
			all.row(e.Key, printable(e.Text()), from)
		}
		text := all.render(a.width())
		for _, one := range loaded.Off() {
			text += fmt.Sprintf("\noff: %s\n", one)
		}
		return a.print(text)
	}
	return c
}
