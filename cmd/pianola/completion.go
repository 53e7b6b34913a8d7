package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/config"
)

// completionCommand replaces cobra's own, which is hidden and has another style.
func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "print the completion script for bash, zsh or fish",
		Long: `Prints a script that completes commands, flags and the values of flags.

  bash:  source <(pianola completion bash)
  zsh:   source <(pianola completion zsh)
  fish:  pianola completion fish | source

Add the line to ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish.`,
		Example:   `  pianola completion bash > /etc/bash_completion.d/pianola`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(c *cobra.Command, args []string) (err error) {
			switch args[0] {
			case "bash":
				err = c.Root().GenBashCompletionV2(a.stdout, true)
			case "zsh":
				err = c.Root().GenZshCompletion(a.stdout)
			case "fish":
				err = c.Root().GenFishCompletion(a.stdout, true)
			}
			if err != nil {
				return outputError{err}
			}
			return nil
		},
	}
}

// completeFlags registers how shells complete the flags of a command and of those
// below it: accepted values, file names, or nothing.
func completeFlags(c *cobra.Command) {
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		values, file := config.Completion(f)
		switch f.Name {
		case "billing":
			values = billingNames
		case "reason":
			if c.Parent() != nil && c.Parent().Name() == "dlq" {
				values = reasonNames()
			}
		case "field":
			values = fieldNames()
		case "to":
			file = c.Name() == "export" || c.Name() == "dbt"
		case "config", "csv", "file", "message-file":
			file = true
		}
		if file || f.NoOptDefVal != "" {
			return // the default of the shell is a file name
		}
		if _, registered := c.GetFlagCompletionFunc(f.Name); !registered {
			_ = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	})
	for _, sub := range c.Commands() {
		completeFlags(sub)
	}
	if c.ValidArgsFunction == nil && len(c.ValidArgs) == 0 {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
}
