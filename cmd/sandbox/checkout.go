package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/sandbox/checkoutpage"
)

// openShop starts the page that sells with the promo codes of the simulated Piano.
func (p *publisher) openShop(ctx context.Context, o options) error {
	cfg := config.Defaults()
	p.configure(&cfg)
	api, err := piano.New(cfg.PianoConfig(), nil, zap.NewNop(), piano.Hooks{})
	if err != nil {
		return err
	}
	defer api.Close()
	all, err := promotion.Promotions{API: api, Log: zap.NewNop()}.List(ctx, "active", "")
	if err != nil {
		return fmt.Errorf("read the promotions of the simulated Piano: %w", err)
	}
	page := checkoutpage.Config{OfferID: "OFSANDBOX", TermID: "TMPAY00", Audiences: []string{"ended?days=30", "never_redeemed?days=730", "experiment winback, arm half"}}
	for _, one := range all {
		if one.FixedCode != "" {
			page.Offers = append(page.Offers, checkoutpage.Offer{Code: one.FixedCode, PromotionID: one.ID, Name: one.Name})
		}
	}
	if p.shop, err = checkoutpage.Start(ctx, o.checkout, page); errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: choose another address with --checkout; port 0 selects a free port", err)
	}
	return err
}
