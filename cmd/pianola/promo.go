package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/transform"
)

func (a *app) promoCommand() *cobra.Command {
	return group("promo", "promo codes, segments and experiments",
		a.promoListCommand(), a.promoCodesCommand(), a.promoCreateCommand(), a.promoGenerateCommand(), a.promoSyncCommand(), a.promoReportCommand(),
		a.promoSnippetCommand(),
		group("segment", "groups of subscribers", a.segmentListCommand(), a.segmentPreviewCommand(), a.segmentRefreshCommand(), a.segmentRunsCommand(), a.segmentExportCommand()),
		group("experiment", "comparisons of promo codes", a.experimentSizeCommand(), a.experimentCreateCommand(), a.experimentListCommand(), a.experimentAssignCommand(), a.experimentReportCommand(), a.experimentExportCommand()))
}

// The configuration sections of the commands: of those that ask only Piano, of those that
// read and write only tables, and of those that do both.
var (
	promoAPISections   = []string{"piano", "log"}
	promoTableSections = []string{"clickhouse", "transform", "erasure", "log"}
	promoBothSections  = []string{"piano", "clickhouse", "transform", "erasure", "log"}
)

// asksPiano adds the flags of a command that needs only Piano, and runs it.
func (a *app) asksPiano(c *cobra.Command, do func(context.Context, promotion.Promotions) error) {
	config.AddFlags(c.Flags(), promoAPISections...)
	c.RunE = func(c *cobra.Command, _ []string) error { return a.withPiano(c, do) }
}

// withPiano runs a command that needs only Piano.
func (a *app) withPiano(c *cobra.Command, do func(context.Context, promotion.Promotions) error) error {
	settings, err := a.load(c).Check(promoAPISections...)
	if err == nil {
		err = requirePiano(settings)
	}
	if err != nil {
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
	return a.named(c, do(c.Context(), promotion.Promotions{API: api, Log: log}))
}

// promo connects and runs a command that needs tables.
func (a *app) promo(c *cobra.Command, sections []string, do func(context.Context, *service.Promo, config.Config) error) error {
	settings, err := a.load(c).Check(sections...)
	if err == nil && slices.Contains(sections, "piano") {
		err = requirePiano(settings)
	}
	if err != nil {
		return err
	}
	log, err := a.logger(settings.Log)
	if err != nil {
		return err
	}
	if _, err := service.CheckClickHouse(c.Context(), settings); err != nil {
		return a.named(c, err)
	}
	rules, err := transform.New(settings.TransformConfig())
	if err != nil {
		return fmt.Errorf("compile the transform: %w", err)
	}
	p, err := service.NewPromo(settings, service.PromoDeps{Rules: rules, Now: a.now, Log: log})
	if err != nil {
		return err
	}
	defer p.Close()
	step, stop := a.progress.start()
	defer stop()
	step(progress.Step{Name: c.Short})
	return a.named(c, do(c.Context(), p, settings))
}

// named says which command an error is of.
func (a *app) named(c *cobra.Command, err error) error {
	if err == nil || errors.As(err, new(usageError)) || errors.As(err, new(outputError)) {
		return err
	}
	return fmt.Errorf("%s: %w", strings.TrimPrefix(c.CommandPath(), "pianola "), err)
}

// printed prints a result as JSON or as text.
func (a *app) printed(asJSON bool, value any, text func() string) error {
	if asJSON {
		return a.printJSON(value)
	}
	return a.print(text())
}

// momentFlag reads a time, or a day in UTC; nil for an empty text.
func momentFlag(flag, value string) (*time.Time, error) {
	if value == "" {
		return nil, nil
	}
	if at, ok := parseForms(value, time.UTC, time.DateOnly); ok {
		return &at, nil
	}
	at, err := parseInstant(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w, or a day such as 2026-01-31", flag, err)
	}
	return &at, nil
}

// percent is a share as a text.
func percent(share *float64) string {
	if share == nil {
		return "-"
	}
	return strconv.FormatFloat(100**share, 'f', 1, 64) + " %"
}
