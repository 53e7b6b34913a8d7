package instance

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/console"
	"github.com/pianola/pianola/internal/console/business"
	"github.com/pianola/pianola/internal/console/care"
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/operate"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/plans"
	"github.com/pianola/pianola/internal/console/promo"
	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

const (
	// carePoll is the interval of reads after a change.
	carePoll = time.Second
	// careClaimWait and careSettle keep an action within the time of a request.
	careClaimWait = 10 * time.Second
	careSettle    = 5 * time.Second
)

// Sections are the settings of a console.
func Sections() []string {
	return []string{"kafka", "clickhouse", "transform", "erasure", "replay", "piano", "console", "log"}
}

// Instance is one console. Build it with New, Run it once, then Close it.
type Instance struct {
	server *console.Server
	plans  *plans.Book
	close  []func()
}

// Options are the dependencies that a process gives its console.
type Options struct {
	Settings []config.Entry // shown on the page of settings
	Version  string         // of the binary
	Now      func() time.Time
	Log      *zap.Logger
}

// New connects, checks the schema, and binds the address.
func New(ctx context.Context, cfg config.Config, o Options) (_ *Instance, err error) {
	i := &Instance{}
	defer func() {
		if err != nil {
			i.Close()
		}
	}()
	who, err := login(ctx, cfg, o.Now)
	if err != nil {
		return nil, err
	}
	group, err := service.OpenOffsets(ctx, cfg, o.Now, o.Log, nil) // checks the schema too
	if err != nil {
		return nil, err
	}
	i.close = append(i.close, group.Close)
	options := cfg.ClickHouseOptions()
	options.Auth.Database = cfg.ClickHouse.Database // queries of pages name no database
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, migrate.Explain(err)
	}
	i.close = append(i.close, closing(conn))
	reader, err := figures.New(conn, o.Now)
	if err != nil {
		return nil, err
	}
	i.plans = plans.NewBook(o.Now, o.Log, reader.Renew)
	sections := []page.Section{i.operate(cfg, o, group, conn), business.New()}
	if cfg.Piano.APIToken != "" {
		api, err := piano.New(cfg.PianoConfig(), nil, o.Log, piano.Hooks{})
		if err != nil {
			return nil, err
		}
		i.close = append(i.close, api.Close)
		sections = append(sections, customerCare(cfg, o, api, conn))
	}
	codes, err := i.promoCodes(cfg, o)
	if err != nil {
		return nil, err
	}
	sections = append(sections, codes)
	c := cfg.Console
	i.server, err = console.Listen(ctx, console.Config{Listen: c.Listen, PublicURL: c.PublicURL, Rate: c.Rate, CertFile: c.CertFile, KeyFile: c.KeyFile}, console.Deps{
		Figures: reader, Auth: who, Sections: sections, Now: o.Now, Log: o.Log.Named("console"),
	})
	if err != nil {
		return nil, err
	}
	i.close = append(i.close, closing(i.server))
	return i, nil
}

// promoCodes is the section of promo codes.
func (i *Instance) promoCodes(cfg config.Config, o Options) (page.Section, error) {
	rules, err := transform.New(cfg.TransformConfig())
	if err != nil {
		return page.Section{}, fmt.Errorf("compile the transform: %w", err)
	}
	p, err := service.NewPromo(cfg, service.PromoDeps{Rules: rules, Now: o.Now, Log: o.Log})
	if err != nil {
		return page.Section{}, err
	}
	i.close = append(i.close, p.Close)
	return promo.New(promo.Deps{Promotions: p.Promotions, Conversions: p.Conversions, Segments: p.Segments, Experiments: p.Experiments, Plans: i.plans}), nil
}

// operate is the section of operation.
func (i *Instance) operate(cfg config.Config, o Options, group *service.Offsets, conn driver.Conn) page.Section {
	return operate.New(operate.Deps{
		Offsets:  func(ctx context.Context) (*offsets.Report, error) { return group.Show(ctx, offsets.Selection{}) },
		Settings: o.Settings,
		Letters:  letters.New(conn, cfg.ClickHouse.Database),
		Redrive: func(ctx context.Context, report progress.Func, do func(context.Context, *deadletters.Redriver) error) error {
			d := service.ReplayingDeps{Version: o.Version, Now: o.Now, Log: o.Log, Progress: report}
			return service.WithReplaying(ctx, cfg, d, func(ctx context.Context, r *service.Replaying) error { return do(ctx, r.Redriver()) })
		},
		Plans: i.plans,
		Jobs:  service.NewJobs(cfg, conn, o.Now, o.Log, nil),
		Log:   operate.ActionsLog{Conn: conn, Tables: schemas.Options{Database: cfg.ClickHouse.Database}, Instance: cfg.Consumer.Instance, Now: o.Now},
		Now:   o.Now,
	})
}

// customerCare is the section of customer care.
func customerCare(cfg config.Config, o Options, api *piano.Client, conn driver.Conn) page.Section {
	customers := customer.New(api)
	return care.New(care.Deps{
		Customers: customers,
		Actions: actions.New(actions.Deps{
			API: api, Customers: customers, Conn: conn, Tables: schemas.Options{Database: cfg.ClickHouse.Database}, Instance: cfg.Consumer.Instance,
			Poll: carePoll, Settle: careSettle, ClaimWait: careClaimWait, Now: o.Now, Log: o.Log,
		}),
	})
}

// Addr is the address of the pages.
func (i *Instance) Addr() net.Addr { return i.server.Addr() }

// Run serves until ctx ends. Work of a confirmed plan ends with it.
func (i *Instance) Run(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return i.server.Run(ctx) })
	work.Go(func() error { return i.plans.Run(ctx) })
	return work.Wait()
}

// Close releases the address and the connections. Run must have returned.
func (i *Instance) Close() {
	for _, one := range slices.Backward(i.close) {
		one()
	}
}

func closing(c io.Closer) func() {
	return func() { _ = c.Close() } // every row is acknowledged
}
