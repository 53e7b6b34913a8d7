package service

import (
	"fmt"
	"io"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/promo/conversion"
	"github.com/pianola/pianola/internal/promo/experiment"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/internal/suppression"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// Promo is segments, experiments, promotions and conversions with their connections. The
// caller must close it.
type Promo struct {
	Segments    segment.Segments
	Experiments experiment.Experiments
	Conversions conversion.Reader
	Promotions  promotion.Promotions // only with an API token
	Store       store.Store
	close       []io.Closer
}

// PromoDeps are the dependencies of a Promo.
type PromoDeps struct {
	Rules *transform.Rules
	// List is the suppression list that the rules obey; nil makes one.
	List *suppression.List
	Now  func() time.Time
	Log  *zap.Logger
}

// NewPromo builds a Promo from a valid configuration. It opens no connection.
func NewPromo(cfg config.Config, d PromoDeps) (_ *Promo, err error) {
	p := &Promo{}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	log, tables := d.Log.Named("promo"), schemas.Options{Database: cfg.ClickHouse.Database}
	options := cfg.ClickHouseOptions()
	options.ReadTimeout = readTimeout
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("set up the connection to ClickHouse: %w", migrate.Explain(err))
	}
	p.close = append(p.close, conn)
	list := d.List
	if list == nil {
		list = NewSuppression(cfg, conn, d.Rules, d.Now, d.Log, nil)
	}
	p.Store = store.Store{Conn: conn, Tables: tables, Log: log, Suppression: list, Suppressed: d.Rules.Suppressed}
	p.Segments = segment.Segments{Store: p.Store, Instance: cfg.Consumer.Instance, Now: d.Now}
	p.Experiments = experiment.Experiments{Store: p.Store, Segments: p.Segments, Now: d.Now}
	p.Conversions = conversion.Reader{Store: p.Store, Now: d.Now}
	if cfg.Piano.APIToken != "" {
		api, err := piano.New(cfg.PianoConfig(), d.Rules, d.Log, piano.Hooks{})
		if err != nil {
			return nil, fmt.Errorf("set up the Piano client: %w", err)
		}
		p.close = append(p.close, closerFunc(api.Close))
		p.Conversions.API, p.Promotions = api, promotion.Promotions{API: api, Log: log}
	}
	return p, nil
}

// Close closes the connections.
func (p *Promo) Close() {
	for _, one := range p.close {
		_ = one.Close() // all writes are acknowledged
	}
}
