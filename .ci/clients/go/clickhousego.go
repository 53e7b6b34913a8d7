package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
)

func nativeOptions(s server) *clickhouse.Options {
	return &clickhouse.Options{
		Addr: []string{s.native}, Auth: clickhouse.Auth{Database: s.database, Username: s.user, Password: s.password},
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
	}
}

func httpOptions(s server) *clickhouse.Options {
	o := nativeOptions(s)
	o.Addr, o.Protocol = []string{s.http}, clickhouse.HTTP
	o.Compression = &clickhouse.Compression{Method: clickhouse.CompressionGZIP}
	return o
}

func checkClickHouseGo(ctx context.Context, s server, options *clickhouse.Options, table string) (err error) {
	db, err := clickhouse.Open(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Exec(ctx, "CREATE TABLE "+table+" "+columns); err != nil {
		return err
	}
	batch, err := db.PrepareBatch(ctx, "INSERT INTO "+table)
	if err != nil {
		return err
	}
	for _, one := range rows() {
		if err := batch.AppendStruct(&one); err != nil {
			return err
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	var stored []row
	if err := db.Select(ctx, &stored, "SELECT * FROM "+table+" ORDER BY at"); err != nil {
		return err
	}
	var seen []event
	if err := db.Select(ctx, &seen, view); err != nil {
		return err
	}
	wrong := *options
	wrong.Auth.Password += "?"
	stranger, err := clickhouse.Open(&wrong)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stranger.Close()) }()
	var slept []struct {
		Slept uint8 `ch:"slept"`
	}
	limited := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 1}))
	return errors.Join(
		same("rows of the table", stored, rows()),
		same("view", seen, events()),
		hasCode(516, stranger.Ping(ctx)),
		hasCode(60, db.Exec(ctx, "SELECT * FROM "+table+"_missing")),
		hasCode(159, db.Select(limited, &slept, slow)),
		cancels(ctx,
			func(ctx context.Context) error {
				return db.Exec(clickhouse.Context(ctx, clickhouse.WithQueryID(table), clickhouse.WithSettings(
					clickhouse.Settings{"cancel_http_readonly_queries_on_client_close": 1})), slow)
			},
			func() (n uint64, err error) {
				return n, db.QueryRow(ctx, running+"'"+table+"'").Scan(&n)
			}),
	)
}

func hasCode(want int32, err error) error {
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) || exception.Code != want {
		return fmt.Errorf("want an exception with code %d, got: %w", want, err)
	}
	return nil
}
