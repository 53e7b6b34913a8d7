package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/schemas"
)

// changePoll is the interval of status requests for a change of term.
const changePoll = 2 * time.Second

// act connects, runs the action and prints its report.
func (a *app) act(c *cobra.Command, f acting, do func(context.Context, *actions.Actions) (*actions.Report, error)) error {
	actor, err := actorName(*f.actor)
	if err != nil {
		return usageError{err}
	}
	settings, err := a.load(c).Check(actionSections...)
	if err != nil {
		return err
	}
	if err := requirePiano(settings); err != nil {
		return err
	}
	log, err := a.logger(settings.Log)
	if err != nil {
		return err
	}
	api, err := piano.New(settings.PianoConfig(), nil, log, piano.Hooks{})
	if err != nil {
		return err
	}
	defer api.Close()
	parts := actions.Deps{
		API: api, Tables: schemas.Options{Database: settings.ClickHouse.Database}, Actor: actor, Instance: settings.Consumer.Instance,
		Poll: changePoll, Now: a.now, Log: log,
	}
	if *f.execute {
		if parts.Conn, err = a.openClickHouse(c.Context(), settings); err != nil {
			return fmt.Errorf("no request was sent to Piano: %w", err)
		}
		defer func() { _ = parts.Conn.Close() }() // every row is acknowledged
	}
	step, stop := a.progress.start()
	step(progress.Step{Name: c.Short + ": wait for Piano"})
	report, err := do(c.Context(), actions.New(parts))
	stop() // before the report
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
// container the user may have only a number.
func actorName(given string) (string, error) {
	const maxLength = 200
	name := strings.TrimSpace(given)
	if len(name) > maxLength || strings.ContainsFunc(name, unicode.IsControl) {
		return "", fmt.Errorf("--actor: not a name of 1 to %d printable characters", maxLength)
	}
	if name != "" {
		return name, nil
	}
	if who, err := user.Current(); err == nil && who.Username != "" {
		return who.Username, nil
	}
	return "uid " + strconv.Itoa(syscall.Getuid()), nil
}
