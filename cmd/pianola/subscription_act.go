package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/transform"
)

// act connects, runs the action and prints its report.
func (a *app) act(c *cobra.Command, f acting, do func(context.Context, *actions.Actions) (*actions.Report, error)) error {
	return a.onCare(c, f, *f.execute, func(ctx context.Context, one *actions.Actions) error {
		report, err := do(ctx, one)
		if report == nil {
			return err
		}
		// A request that was sent before the error is reported too. When nothing was read
		// from Piano, the error says everything.
		switch {
		case *f.asJSON:
			err = errors.Join(err, a.printJSON(report))
		case err == nil || report.Subscription != nil || len(report.Candidates)+len(report.Steps) > 0:
			err = errors.Join(err, a.print(actionText(report, a.width())))
		}
		command := strings.TrimPrefix(c.CommandPath(), "pianola ")
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", command, err)
		case report.Outcome == actions.Refused:
			return refusal{command}
		default:
			return nil
		}
	})
}

// refusal is errFound with the text of an action.
type refusal struct{ command string }

// Error names the command; the report contains the reason.
func (r refusal) Error() string { return r.command + ": not possible, nothing was changed" }

// Is makes it errFound.
func (refusal) Is(target error) bool { return target == errFound }

// requirePiano reports missing settings that are optional for pianola run.
func requirePiano(settings config.Config) error {
	var missing []config.Problem
	if settings.Piano.APIToken == "" {
		missing = append(missing, config.Problem{Key: "piano.api_token", Message: "is empty; set piano.api_token_file or PIANOLA_PIANO_API_TOKEN"})
	}
	if settings.Piano.AID == "" {
		missing = append(missing, config.Problem{Key: "piano.aid", Message: "is empty; set the application id"})
	}
	if len(missing) > 0 {
		return &config.Error{Problems: missing}
	}
	return nil
}

// actorName is the requester: the flag, or the name of the system user. In a
// container the user may have only a number. It is stored, so an address is removed.
func actorName(given string) (string, error) {
	const maxLength = 200
	name := strings.TrimSpace(given)
	if len(name) > maxLength || strings.ContainsFunc(name, unicode.IsControl) {
		return "", fmt.Errorf("--actor: not a name of 1 to %d printable characters", maxLength)
	}
	if name != "" {
		return transform.Guard(name), nil
	}
	if who, err := user.Current(); err == nil && who.Username != "" {
		return transform.Guard(who.Username), nil
	}
	return "uid " + strconv.Itoa(syscall.Getuid()), nil
}
