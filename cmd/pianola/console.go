package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/console"
	"github.com/pianola/pianola/internal/console/auth"
	"github.com/pianola/pianola/internal/console/business"
	"github.com/pianola/pianola/internal/console/care"
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/operate"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/plans"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/schemas"
)

// consoleSections are the settings of the command.
var consoleSections = []string{"kafka", "clickhouse", "transform", "erasure", "replay", "piano", "console", "log"}

func (a *app) consoleCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "console",
		Short: "serve the web pages",
		Long: `Serves the pages of operation and business on console.listen. It is a process of
its own: it joins no consumer group. Its ClickHouse user needs the role pianola_console,
and pianola_console_ops when somebody has the role ops: redriving and dismissing
dead letters, and canceling jobs. With piano.api_token it also has the pages of customer
care, for the roles care and care_money. They need the role pianola_console_care.

Without a login it listens on a loopback address, read-only and without personal
data. Any other address needs console.auth (basic, header or oidc) and
console.roles. docs/console.md describes logins, roles and grants.`,
		Example: `  pianola console --config pianola.yaml
  pianola console --console.listen 127.0.0.1:0`,
		Args: cobra.NoArgs,
	}
	config.AddFlags(c.Flags(), consoleSections...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		loaded := a.load(c)
		settings, err := loaded.Check(consoleSections...)
		if err != nil {
			return err
		}
		log, err := a.logger(settings.Log)
		if err != nil {
			return err
		}
		book := plans.NewBook(a.now, log)
		server, closeAll, err := a.newConsole(c, settings, loaded.Entries(), log, book)
		if err != nil {
			return err
		}
		defer closeAll()
		work, ctx := errgroup.WithContext(c.Context())
		work.Go(func() error { return server.Run(ctx) })
		work.Go(func() error { return book.Run(ctx) })
		if err := work.Wait(); err != nil {
			return fmt.Errorf("console: %w", err)
		}
		return nil
	}
	return c
}

// newConsole connects and makes the server. Without an error the caller must call closeAll.
func (a *app) newConsole(c *cobra.Command, settings config.Config, entries []config.Entry, log *zap.Logger, book *plans.Book) (_ *console.Server, closeAll func(), err error) {
	ctx := c.Context()
	login, err := consoleLogin(ctx, settings, a.now)
	if err != nil {
		return nil, nil, err
	}
	group, closeGroup, err := a.offsetsGroup(c, settings, nil) // checks the schema too
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			closeGroup()
		}
	}()
	options := settings.ClickHouseOptions()
	options.Auth.Database = settings.ClickHouse.Database // queries of pages name no database
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, nil, migrate.Explain(err)
	}
	reader, err := figures.New(conn, a.now)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	sections := []page.Section{operate.New(a.operateDeps(settings, entries, group, conn, log, book)), business.New()}
	closePiano := func() {}
	if settings.Piano.APIToken != "" {
		api, err := piano.New(settings.PianoConfig(), nil, log, piano.Hooks{})
		if err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
		closePiano = api.Close
		sections = append(sections, a.consoleCare(settings, api, conn, log))
	}
	server, err := console.Listen(ctx, consoleConfig(settings), console.Deps{
		Figures: reader, Auth: login, Sections: sections, Now: a.now, Log: log.Named("console"),
	})
	if err != nil {
		closePiano()
		_ = conn.Close() // nothing was read
		return nil, nil, err
	}
	return server, func() { closeGroup(); closePiano(); _ = conn.Close() }, nil // every row is acknowledged
}

const (
	// consoleClaimWait and consoleSettle keep an action within the time of a request.
	consoleClaimWait = 10 * time.Second
	consoleSettle    = 5 * time.Second
)

// consoleCare is the section of customer care.
func (a *app) consoleCare(settings config.Config, api *piano.Client, conn driver.Conn, log *zap.Logger) page.Section {
	customers := customer.New(api)
	return care.New(care.Deps{
		Customers: customers,
		Actions: actions.New(actions.Deps{
			API: api, Customers: customers, Conn: conn, Tables: schemas.Options{Database: settings.ClickHouse.Database}, Instance: settings.Consumer.Instance,
			Poll: carePoll, Settle: consoleSettle, ClaimWait: consoleClaimWait, Now: a.now, Log: log,
		}),
	})
}

// operateDeps connects the pages of operation with the packages of the commands.
func (a *app) operateDeps(settings config.Config, entries []config.Entry, group *offsets.Group, conn driver.Conn, log *zap.Logger, book *plans.Book) operate.Deps {
	return operate.Deps{
		Offsets:  func(ctx context.Context) (*offsets.Report, error) { return group.Show(ctx, offsets.Selection{}) },
		Settings: entries,
		Letters:  letters.New(conn, settings.ClickHouse.Database),
		Redrive: func(ctx context.Context, report progress.Func, do func(context.Context, *deadletters.Redriver) error) error {
			return a.onReplayTools(ctx, settings, log, report, func(ctx context.Context, t *replayTools) error { return do(ctx, t.redriver(a)) })
		},
		Plans: book,
		Jobs:  a.jobStore(settings, conn, log, nil),
		Now:   a.now,
	}
}

func consoleConfig(settings config.Config) console.Config {
	c := settings.Console
	return console.Config{Listen: c.Listen, PublicURL: c.PublicURL, Rate: c.Rate, CertFile: c.CertFile, KeyFile: c.KeyFile}
}

// providerTimeout bounds a request to the identity provider.
const providerTimeout = 10 * time.Second

// consoleLogin makes the login that console.auth names.
func consoleLogin(ctx context.Context, settings config.Config, now func() time.Time) (auth.Authenticator, error) {
	c := settings.Console
	mapping, err := role.ParseMapping(c.Roles)
	if err != nil {
		return nil, fmt.Errorf("console.roles: %w", err)
	}
	switch c.Auth {
	case "basic":
		return auth.NewBasic(c.HtpasswdFile, mapping, now)
	case "header":
		return &auth.Header{User: c.HeaderUser, Groups: c.HeaderGroups, Trusted: settings.ConsoleTrusted(), Mapping: mapping}, nil
	case "oidc":
		return auth.NewOIDC(ctx, auth.OIDCConfig{
			Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, ClientSecret: c.OIDCClientSecret.Reveal(), PublicURL: c.PublicURL,
			GroupsClaim: c.OIDCGroupsClaim, SessionKey: c.SessionKey.Reveal(), Mapping: mapping,
			Client: &http.Client{Timeout: providerTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		})
	default:
		return auth.None{}, nil
	}
}
