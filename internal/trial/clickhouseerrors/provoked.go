package clickhouseerrors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/wait"
)

// provocation makes the server itself answer a code, until undo is called.
type provocation struct {
	code int
	how  string
	do   func(context.Context, *answers) (undo func(context.Context) error, err error)
}

var provocations = []provocation{
	{241, "by the profile's max_memory_usage", lowMemory},
	{252, "by the table's parts_to_throw_insert", manyParts},
	{202, "by other queries of the user", manyQueries},
	{394, "by KILL QUERY", killInserts},
}

// maxQueries is how many statements of the service's user the server runs at a time.
const maxQueries = 4

// serverAccess limits the service's user by a profile.
func serverAccess(settings map[string]string) clickhouse.Access {
	a := harness.Access(harness.Grants("*"))
	limits := map[string]string{"max_concurrent_queries_for_user": fmt.Sprint(maxQueries)}
	maps.Copy(limits, settings)
	a.Profiles = []clickhouse.Profile{{Name: "service", Settings: limits}}
	a.Users[1].Profile = "service"
	return a
}

func lowMemory(ctx context.Context, s *answers) (func(context.Context) error, error) {
	err := s.ClickHouse.RestartWith(ctx, serverAccess(map[string]string{"max_memory_usage": "300000"}), clickhouse.Settings{})
	return func(ctx context.Context) error {
		return s.ClickHouse.RestartWith(ctx, serverAccess(nil), clickhouse.Settings{})
	}, err
}

func manyParts(ctx context.Context, s *answers) (func(context.Context) error, error) {
	undo := func(ctx context.Context) error {
		return s.Exec(ctx, "ALTER TABLE subscription_events RESET SETTING parts_to_throw_insert", "SYSTEM START MERGES subscription_events")
	}
	return undo, s.Exec(ctx, "SYSTEM STOP MERGES subscription_events", "ALTER TABLE subscription_events MODIFY SETTING parts_to_throw_insert = 1")
}

// manyQueries runs as many queries of the service's user as the server allows.
func manyQueries(ctx context.Context, s *answers) (func(context.Context) error, error) {
	conn, err := ch.Open(&ch.Options{Addr: []string{s.ClickHouse.NativeAddr()}, Auth: ch.Auth{Username: harness.Service}, MaxOpenConns: maxQueries})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	var group errgroup.Group
	for range maxQueries {
		group.Go(func() error {
			for running.Err() == nil {
				_ = conn.Exec(running, "SELECT sleepEachRow(0.1) FROM numbers(30) FORMAT Null") // refused where the process is first
			}
			return nil
		})
	}
	return func(context.Context) error {
		stop()
		return errors.Join(group.Wait(), conn.Close())
	}, nil
}

// killInserts kills the service's inserts. A constraint makes them last long enough.
func killInserts(ctx context.Context, s *answers) (func(context.Context) error, error) {
	const every = 5 * time.Millisecond
	running, stop := context.WithCancel(ctx)
	var group errgroup.Group
	undo := func(ctx context.Context) error {
		stop()
		return errors.Join(group.Wait(), s.Exec(ctx, "ALTER TABLE subscription_events DROP CONSTRAINT IF EXISTS slow"))
	}
	if err := s.Exec(ctx, "ALTER TABLE subscription_events ADD CONSTRAINT slow CHECK sleepEachRow(0.002) = 0"); err != nil {
		return undo, err
	}
	group.Go(func() error {
		for {
			err := s.Exec(running, "KILL QUERY WHERE user = '"+harness.Service+"' AND query_kind = 'Insert' ASYNC")
			if err == nil {
				err = wait.For(running, every)
			}
			if running.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	return undo, nil
}

// provoke has the server answer the code, until the consumer has logged it. met is false
// where the world was over before.
func (s *answers) provoke(ctx context.Context, p *provocation) (met bool, err error) {
	before := s.Consumer.LoggedCode(p.code)
	undo, err := p.do(ctx, s)
	if err == nil {
		err = s.Until(ctx, fmt.Sprintf("an answer %d %s", p.code, p.how), []*harness.Process{s.Consumer}, func(ctx context.Context) (bool, error) {
			if met = s.Consumer.LoggedCode(p.code) > before; met {
				return true, nil
			}
			return s.AllCovered(ctx)
		})
	}
	if undo != nil {
		err = errors.Join(err, undo(context.WithoutCancel(ctx)))
	}
	return met, err
}
