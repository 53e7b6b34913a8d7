package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/faultproxy"
)

// Users at ClickHouse. Neither has a password, unless a trial gives it one.
const (
	Owner   = "owner"   // of the harness: may do everything
	Service = "pianola" // of the processes
)

// Grants are those of docs/operations.md for a database, or for all with "*".
func Grants(database string) []string {
	all := []string{"GRANT SELECT, INSERT ON " + database + ".*"}
	if database == "*" {
		return append(all, "GRANT ALTER DELETE ON *.*")
	}
	for _, table := range []string{"subscription_snapshots", "subscription_snapshot_traits", "reconciliation_comparisons", "reconciliation_targets"} {
		all = append(all, fmt.Sprintf("GRANT ALTER DELETE ON %s.%s", database, table))
	}
	return all
}

// Access is the owner and the service, with grants.
func Access(grants []string) clickhouse.Access {
	return clickhouse.Access{Users: []clickhouse.User{clickhouse.Owner(Owner, ""), {Name: Service, Grants: grants}}}
}

// OwnClickHouse starts a server for one round, with users.
func OwnClickHouse(access clickhouse.Access) func(context.Context, *Round, string) (*clickhouse.Server, error) {
	return func(ctx context.Context, _ *Round, dir string) (*clickhouse.Server, error) {
		return StartClickHouse(ctx, dir, clickhouse.Config{Access: access})
	}
}

// StartClickHouse starts a server on free ports with its data in dir.
func StartClickHouse(ctx context.Context, dir string, c clickhouse.Config) (*clickhouse.Server, error) {
	c.DataDir, c.NativeAddr, c.HTTPAddr = dir, "127.0.0.1:0", "127.0.0.1:0"
	return clickhouse.Start(ctx, c)
}

// startClickHouse starts the round's own server and the proxies before the server.
func (r *Round) startClickHouse(ctx context.Context) (err error) {
	dir := filepath.Join(r.Env.Dir, r.Topic)
	server := r.Env.ClickHouse
	if r.trial.ClickHouse != nil {
		if r.ClickHouse, err = r.trial.ClickHouse(ctx, r, dir); err != nil {
			return err
		}
		server = r.ClickHouse
		r.OnClose(func() { _ = errors.Join(server.Close(), os.RemoveAll(dir)) }) // what is left is removed with the environment
		r.Config.ClickHouse.Addr = []string{server.NativeAddr()}
	}
	if r.trial.Faulted {
		if r.Statements, err = faultproxy.Start(ctx, faultproxy.Config{Native: server.NativeAddr(), HTTP: server.HTTPAddr()}); err != nil {
			return err
		}
		r.OnClose(r.Statements.Close)
	}
	return nil
}

// ClickHouseEnded is an error where the round's own server has ended by itself.
func (r *Round) ClickHouseEnded() error {
	select {
	case <-r.ClickHouse.Ended():
		return fmt.Errorf("ClickHouse: %w: its last lines:\n%s", errEnded, r.ClickHouse.LastLines())
	default:
		return nil
	}
}
