package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/safetext"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

const (
	// carePoll is the interval of reads after a change, for at most careSettle.
	carePoll   = time.Second
	careSettle = 10 * time.Second
)

// careFlags are those of every command that plans or executes an action of care.
type careFlags struct {
	acting
	reason, file, job *string
}

func (a *app) careFlags(c *cobra.Command, entries string) careFlags {
	f := careFlags{
		reason: c.Flags().String("reason", "", "`TEXT` for actions_log; --execute needs it"),
		file:   c.Flags().String("file", "", "bulk: `FILE` with "+entries+", one a line; - is standard input"),
		job:    c.Flags().String("job", "", "bulk: `NAME` that tells a deliberate repetition of the same file apart"),
	}
	f.acting = actingFlags(c)
	return f
}

// careHelp ends the help of the commands.
const careHelp = `
Without --execute: dry run. It reads from Piano and prints the plan. With
--execute, it reads again, sends the request once and reads the result. Each
step is a row of actions_log, so ClickHouse must be available. If the response
is lost, the request is not repeated: the command reads the state and reports
it.

With --file, each line of the file is one action, and the output has a line for
each. A job that was interrupted continues when the same command runs again:
lines with a result are not sent again. Failed and refused lines are tried
again.

Exit status: 0 done (without --execute: possible); 1 failed, outcome unknown, or
not shown by Piano yet; 3 not possible, nothing changed (of some lines, with
--file).`

// check validates the flags; single reports whether the flags name one object.
func (f careFlags) check(single bool, name string) error {
	switch {
	case single == (*f.file != ""):
		return usageError{fmt.Errorf("give either %s or --file", name)}
	case *f.job != "" && *f.file == "":
		return usageError{errors.New("--job: needs --file")}
	case *f.execute:
		if _, err := actions.ParseReason(*f.reason); err != nil {
			return usageError{errors.New("--reason: --execute needs it, one line of at most 500 characters")}
		}
	}
	return nil
}

// care runs one action, or one for each line of the file. items makes those of a file's
// text; request identifies the request in the id of the job.
func (a *app) care(c *cobra.Command, f careFlags, one actions.Action, request []string, items func(text string) ([]actions.Item, error)) error {
	var all []actions.Item
	if *f.file != "" {
		text, err := a.readList(*f.file)
		if err != nil {
			return err
		}
		if all, err = items(text); err != nil {
			return usageError{fmt.Errorf("--file: %w", err)}
		}
	}
	return a.onCare(c, f.acting, *f.execute, func(ctx context.Context, s *actions.Actions) error {
		if *f.file != "" {
			return a.bulk(c, f, s, actions.JobID(*f.job, append(request, c.CommandPath())), all)
		}
		return a.single(c, f, s, one)
	})
}

// onCare connects and passes the actions to do. ClickHouse is needed where something is
// executed.
func (a *app) onCare(c *cobra.Command, f acting, execute bool, do func(context.Context, *actions.Actions) error) error {
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
	report, stop := a.progress.start()
	defer stop()
	report(progress.Step{Name: "connect"})
	parts := actions.Deps{
		API: api, Customers: customer.New(api), Tables: schemas.Options{Database: settings.ClickHouse.Database}, Actor: actor,
		Roles: actions.AllRoles(), Instance: settings.Consumer.Instance, Poll: carePoll, Settle: careSettle, Now: a.now, Log: log, Progress: report,
	}
	if execute {
		if parts.Conn, err = service.OpenClickHouse(c.Context(), settings); err != nil {
			return fmt.Errorf("no request was sent to Piano: %w", err)
		}
		defer func() { _ = parts.Conn.Close() }() // every row is acknowledged
	}
	report(progress.Step{Name: "read from Piano"})
	return do(c.Context(), actions.New(parts))
}

// single plans one action, and executes it with --execute.
func (a *app) single(c *cobra.Command, f careFlags, s *actions.Actions, action actions.Action) error {
	command := strings.TrimPrefix(c.CommandPath(), "pianola ")
	plan, report, err := planned(c.Context(), s, action, *f.execute, *f.reason)
	switch {
	case errors.Is(err, actions.ErrAction):
		return usageError{err}
	case plan == nil:
		return fmt.Errorf("%s: %w", command, err)
	case report == nil && err != nil:
		err = errors.Join(err, a.print(carePlanText(plan, a.width())))
	case report == nil && *f.asJSON:
		err = a.printJSON(plan)
	case report == nil:
		err = a.print(carePlanText(plan, a.width()))
	case *f.asJSON:
		err = errors.Join(err, a.printJSON(report))
	default:
		err = errors.Join(err, a.print(carePlanText(plan, a.width())+executionText(report)))
	}
	outcome := plan.Outcome
	if report != nil {
		outcome = report.Outcome
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", command, err)
	case outcome == actions.Refused:
		return refusal{command}
	case outcome == actions.Pending:
		return fmt.Errorf("%s: Piano has accepted it and does not show it yet; run pianola subscription show or access list later", command)
	case outcome == actions.Unknown || outcome == actions.Failed:
		return fmt.Errorf("%s: outcome %s", command, outcome)
	default:
		return nil
	}
}

// planned makes the plan and executes it where asked for.
func planned(ctx context.Context, s *actions.Actions, action actions.Action, execute bool, reason string) (*actions.Plan, *actions.Report, error) {
	plan, err := s.Plan(ctx, action)
	if err != nil || !execute {
		return plan, nil, err
	}
	report, err := s.Execute(ctx, plan, reason)
	return plan, report, err
}

// bulk runs a job and prints a line for each item as it ends.
func (a *app) bulk(c *cobra.Command, f careFlags, s *actions.Actions, job string, items []actions.Item) error {
	command := strings.TrimPrefix(c.CommandPath(), "pianola ")
	counts := map[actions.Outcome]int{}
	var written error
	err := s.Bulk(c.Context(), job, items, *f.reason, *f.execute, func(l actions.Line) {
		counts[l.Outcome]++
		text := lineText(l)
		if *f.asJSON {
			text = lineJSON(l)
		}
		written = errors.Join(written, a.print(text))
	})
	if written != nil {
		return written
	}
	if !*f.asJSON {
		if printed := a.print(bulkText(counts, len(items), job, *f.execute)); printed != nil {
			return printed
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w; run the same command again to continue", command, err)
	case counts[actions.Failed]+counts[actions.Unknown]+counts[actions.Pending] > 0:
		return fmt.Errorf("%s: %d lines failed or have no certain result", command, counts[actions.Failed]+counts[actions.Unknown]+counts[actions.Pending])
	case counts[actions.Refused] > 0:
		return refusal{command}
	default:
		return nil
	}
}

// maxList limits a file with ids or addresses.
const maxList = 16 << 20

// readList reads the file of a bulk job. Its content is not stored.
func (a *app) readList(path string) (string, error) {
	from := a.stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("--file: %w", safetext.NameError(err))
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, maxList+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("--file: %w", safetext.NameError(err))
	case len(text) > maxList:
		return "", usageError{fmt.Errorf("--file: is larger than %d MiB", maxList>>20)}
	}
	return string(text), nil
}

// itemsOf makes the items of a file with one id a line.
func itemsOf(action func(id string) actions.Action) func(string) ([]actions.Item, error) {
	return func(text string) ([]actions.Item, error) {
		ids, lines, err := actions.ParseLines(text)
		if err != nil {
			return nil, err
		}
		items := make([]actions.Item, len(ids))
		for i, id := range ids {
			if strings.ContainsAny(id, " \t,;@") || transform.Guard(id) != id {
				return nil, fmt.Errorf("line %d is not one id", lines[i])
			}
			items[i] = actions.Item{Line: lines[i], Key: id, Action: action(id)}
		}
		return items, nil
	}
}
