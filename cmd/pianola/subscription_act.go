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

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/schemas"
)

// changePoll is how often a change of term is asked about.
const changePoll = 2 * time.Second

// act connects, has it done, and prints what it came to.
func (a *app) act(c *cobra.Command, f acting, do func(context.Context, *actions.Actions) (*actions.Report, error)) error {
	actor, err := actorName(*f.actor)
	if err != nil {
		return usageError{err}
	}
	settings, err := a.load(c).Check(actionSections...)
	if err != nil {
		return err
	}
	if err := wantPiano(settings); err != nil {
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
	parts := actions.Parts{
		API: api, Tables: schemas.Options{Database: settings.ClickHouse.Database}, Actor: actor, Instance: settings.Consumer.Instance,
		Poll: changePoll, Now: a.now, Log: log,
	}
	if *f.execute {
		if err := a.checkSchema(c.Context(), settings); err != nil {
			return fmt.Errorf("nothing was asked of Piano: %w", err)
		}
		if parts.Conn, err = clickhouse.Open(settings.ClickHouseOptions()); err != nil {
			return fmt.Errorf("nothing was asked of Piano: %w", migrate.Explain(err))
		}
		defer func() { _ = parts.Conn.Close() }() // every row has been answered
	}
	report, err := do(c.Context(), actions.New(parts))
	if report == nil {
		return err
	}
	// What was asked for before an error has been asked for, and so it is told. Where
	// nothing was even found out, the error says all that there is.
	switch {
	case *f.asJSON:
		err = errors.Join(err, a.printJSON(report))
	case err == nil || report.Subscription != nil || len(report.Candidates)+len(report.Steps) > 0:
		err = errors.Join(err, a.print(actionText(report)))
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

// refusal is what the check of an action finds: errFound in its own words.
type refusal struct{ command string }

// Error says which it was; why is in the report.
func (r refusal) Error() string { return r.command + ": it cannot be done, and nothing was changed" }

// Is makes it errFound.
func (refusal) Is(target error) bool { return target == errFound }

func (a *app) checkSchema(ctx context.Context, settings config.Config) error {
	migrator, db, err := a.migrator(settings)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing was written
	return migrator.Check(ctx)
}

// wantPiano says what an action needs that a service can do without.
func wantPiano(settings config.Config) error {
	var missing []config.Problem
	if settings.Piano.APIToken == "" {
		missing = append(missing, config.Problem{Key: "piano.api_token", Message: "is empty; set piano.api_token_file or PIANOLA_PIANO_API_TOKEN"})
	}
	if settings.Piano.AID == "" {
		missing = append(missing, config.Problem{Key: "piano.aid", Message: "is empty; it is the id of the application in Piano"})
	}
	if len(missing) > 0 {
		return &config.Error{Problems: missing}
	}
	return nil
}

// actorName is who asks: as given, or as the system names the user, who in a
// container may have only a number.
func actorName(given string) (string, error) {
	const most = 200
	name := strings.TrimSpace(given)
	if len(name) > most || strings.ContainsFunc(name, unicode.IsControl) {
		return "", fmt.Errorf("--actor: is not a name of 1 to %d printable characters", most)
	}
	if name != "" {
		return name, nil
	}
	if who, err := user.Current(); err == nil && who.Username != "" {
		return who.Username, nil
	}
	return "uid " + strconv.Itoa(syscall.Getuid()), nil
}
