package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/erasure"
	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/export/objects"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/transform"
)

// eraseReadTimeout limits the wait for one answer: a mutation rewrites large parts.
const eraseReadTimeout = 2 * time.Hour

// eraseSections are the settings of both commands.
var eraseSections = []string{"clickhouse", "transform", "erasure", "export", "log"}

// erasing holds the flags that both commands share.
type erasing struct {
	by, why string
	execute bool
	asJSON  *bool
	wait    time.Duration
	exports []string
}

func (a *app) eraseCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "erase (--user ID | --email -)",
		Short: "remove a person from every table and keep them out",
		Long: `Removes a person physically: events, snapshots, traits, drift, actions, working
tables. A dead letter keeps its row without content, since the audit counts it.
--email - reads the address from standard input, which must be one line; only its
hash is used.

The person is the user id, the subscriptions that only this user has, and the
hashes of the addresses in their events. The suppression list gets keyed hashes
of all of them (erasure.key). The stream, replays, files and snapshots obey it. A
message can come without the user id, and a new subscription with the address
alone.

Without --execute: dry run that prints the plan. With it, the command lists the
person, waits until every process obeys the list, deletes, scans all tables, and
writes an account without personal data (table erasures). It may run beside
consumers. An interrupted erasure continues when the same command is repeated.

The report says what it cannot reach: Kafka, backups, and exported files.`,
		Example: `  pianola erase --user u-123
  pianola erase --user u-123 --by "J. Doe" --why "request 4711" --execute
  printf %s "ada@example.com" | pianola erase --email -`,
		Args: cobra.NoArgs,
	}
	var f erasing
	user := c.Flags().String("user", "", "user `ID` of the person")
	email := c.Flags().String("email", "", "- reads the person's address from standard input")
	f.add(c)
	c.Flags().StringArrayVar(&f.exports, "exports", nil, "also look for manifests of exports in this `DESTINATION`; may be repeated")
	c.Flags().DurationVar(&f.wait, "wait", 0, "how long to wait until every process obeys the list (default: erasure.refresh and twice clickhouse.insert_timeout)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		account, err := f.account()
		switch {
		case err != nil:
		case (*user == "") == (*email == ""):
			err = errors.New("give --user or --email -")
		case *email != "" && *email != "-":
			err = errors.New("--email: other users of this machine can read the command line; use --email - and standard input")
		case f.wait < 0:
			err = errors.New("--wait: must be 0 or more")
		default:
			for _, to := range f.exports {
				if _, wrong := export.DestinationName(to); wrong != nil {
					err = fmt.Errorf("--exports: %w", wrong)
				}
			}
		}
		if err != nil {
			return usageError{err}
		}
		settings, err := a.load(c).Check(eraseSections...)
		if err != nil {
			return err
		}
		if settings.Erasure.Key == "" {
			return &config.Error{Problems: []config.Problem{{Key: "erasure.key", Message: "is empty; without it, an erased person comes back with the next message. Make one with: openssl rand -hex 32"}}}
		}
		bound := settings.ErasureBound()
		if c.Flags().Changed("wait") {
			bound = f.wait
		}
		plan := func(ctx context.Context, e *erasure.Eraser) (*erasure.Plan, error) {
			return e.PlanUser(ctx, storedID(*user))
		}
		if *email != "" {
			hash, err := a.readAddress(c.Context())
			if err != nil {
				return err
			}
			plan = func(ctx context.Context, e *erasure.Eraser) (*erasure.Plan, error) { return e.PlanAddress(ctx, hash) }
		}
		return a.erase(c, settings, &f, account, bound, plan)
	}
	return c
}

func (a *app) purgeInternalCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "purge-internal",
		Short: "remove the rows of users who became internal later",
		Long: `Removes the rows of subscriptions that count as internal now: those of the view
internal_subscriptions, and those of transform.internal_user_ids. Views hide
them already; this removes events, snapshots, traits and drift physically.
Dead letters, actions and the ids in filtered_subscriptions stay.

The suppression list gets nothing. The internal-user filter drops further
messages; a replay of messages without the flag stores them again.

Without --execute: dry run that prints the plan.`,
		Example: `  pianola purge-internal
  pianola purge-internal --by "J. Doe" --why "staff accounts" --execute`,
		Args: cobra.NoArgs,
	}
	var f erasing
	f.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		account, err := f.account()
		if err != nil {
			return usageError{err}
		}
		settings, err := a.load(c).Check(eraseSections...)
		if err != nil {
			return err
		}
		var users []string
		for _, id := range settings.Transform.InternalUserIDs {
			users = append(users, storedID(id))
		}
		return a.erase(c, settings, &f, account, 0, func(ctx context.Context, e *erasure.Eraser) (*erasure.Plan, error) {
			return e.PlanInternal(ctx, users)
		})
	}
	return c
}

func (f *erasing) add(c *cobra.Command) {
	c.Flags().StringVar(&f.by, "by", "", "`NAME` of who asks for it")
	c.Flags().StringVar(&f.why, "why", "", "`TEXT` with the reason, without personal data")
	c.Flags().BoolVar(&f.execute, "execute", false, "erase; without it, print the plan")
	f.asJSON = jsonFlag(c)
	config.AddFlags(c.Flags(), append(eraseSections, "consumer.instance")...)
}

func (f *erasing) account() (erasure.Account, error) {
	d, err := parseDismissal(f.by, f.why, f.execute)
	return erasure.Account{By: d.By, Reason: d.Why}, err
}

// storedID is an id in the form of the tables.
func storedID(id string) string { return transform.Guard(strings.TrimSpace(id)) }

// readAddress reads one address from standard input and returns its hash.
func (a *app) readAddress(ctx context.Context) (string, error) {
	line, err := a.readOneLine(ctx)
	if err != nil {
		return "", fmt.Errorf("--email: %w", err)
	}
	hash, ok := transform.HashAddress(line)
	if !ok {
		return "", usageError{errors.New("--email: standard input is not one address")}
	}
	return hash, nil
}

func (a *app) erase(c *cobra.Command, settings config.Config, f *erasing, by erasure.Account, bound time.Duration, plan func(context.Context, *erasure.Eraser) (*erasure.Plan, error)) error {
	log, err := a.logger(settings.Log)
	if err != nil {
		return err
	}
	if _, err := service.CheckClickHouse(c.Context(), settings); err != nil {
		return err
	}
	options := settings.ClickHouseOptions()
	options.ReadTimeout = eraseReadTimeout
	conn, err := clickhouse.Open(options)
	if err != nil {
		return migrate.Explain(err)
	}
	defer func() { _ = conn.Close() }() // every statement is complete
	report, stop := a.progress.start()
	defer stop()
	e, err := erasure.New(erasure.Deps{
		Conn: conn, Database: settings.ClickHouse.Database, Keys: settings.SuppressionKeys(), Bound: bound,
		Instance: settings.Consumer.Instance, Now: a.now, Log: log.Named("erasure"), Progress: report,
	})
	if err != nil {
		return err
	}
	var result eraseResult
	if result.Plan, err = plan(c.Context(), e); err != nil {
		var several *erasure.SeveralUsersError
		if errors.As(err, &several) {
			return fmt.Errorf("%w: %s", err, printable(strings.Join(several.Users, ", ")))
		}
		return err
	}
	if f.execute {
		for _, text := range []string{by.By, by.Reason} {
			if result.Plan.Names(text) {
				return usageError{errors.New("--by, --why: must not name the person, since the account is kept")}
			}
		}
		if result.Report, err = e.Execute(c.Context(), result.Plan, by); err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
	if c.Name() == "erase" {
		result.Unreached = a.unreached(c.Context(), settings, log, f.exports, result.Plan)
	}
	if *f.asJSON {
		return a.printJSON(result)
	}
	return a.print(eraseText(&result, a.width()))
}

// unreached lists what the erasure cannot delete. A destination that cannot be read is
// named: nobody has looked there.
func (a *app) unreached(ctx context.Context, settings config.Config, log *zap.Logger, further []string, plan *erasure.Plan) *unreachedByErase {
	u := &unreachedByErase{
		Kafka:   "messages stay in Kafka until its retention removes them; they are dropped when they are read",
		Backups: "backups and replicas outside of this database keep their rows; erase again after a restore",
		Exports: []erasedManifest{},
	}
	if plan.FirstAt == nil {
		return u
	}
	seen := map[string]bool{}
	destinations := further
	for _, one := range settings.ExportSchedule() {
		destinations = append(destinations, one.To())
	}
	for _, to := range destinations {
		if seen[to] {
			continue
		}
		seen[to] = true
		all, err := manifests(ctx, settings, to, *plan.FirstAt, service.ExportingDeps{Stdout: io.Discard, Bucket: objects.Open, Now: a.now, Log: log})
		if err != nil {
			name, _ := export.DestinationName(to) // it is valid, since it was checked before
			u.Unchecked = append(u.Unchecked, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		for _, m := range all {
			u.Exports = append(u.Exports, erasedManifest{To: m.To, Name: m.Name, View: m.View, Watermark: m.Watermark})
		}
	}
	return u
}

func manifests(ctx context.Context, settings config.Config, to string, since time.Time, d service.ExportingDeps) ([]*export.Manifest, error) {
	e, err := service.NewExporting(settings, d)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	return e.Manifests(ctx, to, since)
}
