package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/kafka"
)

// Config says where the servers listen and keep their data. Addresses are
// host:port on loopback; port 0 takes a free one.
type Config struct {
	Kafka          string
	ClickHouse     string // ClickHouse's native protocol
	ClickHouseHTTP string
	DataDir        string         // empty: a temporary directory, removed by Close
	Password       string         // of the user pianola at ClickHouse, and of guest; empty: a random one
	Guest          []string       // GRANT statements of the user guest; none: no such user
	Logs           bool           // ClickHouse keeps its query and metric logs, for its /dashboard
	Topics         map[string]int // name and partitions; created if missing
	Progress       func(string)   // gets a sentence for each step of a fetch; may be nil
}

// Loopback is a configuration on free ports and temporary data, for tests.
func Loopback(topics map[string]int) Config {
	const free = "127.0.0.1:0"
	return Config{Kafka: free, ClickHouse: free, ClickHouseHTTP: free, Topics: topics}
}

// User is the user at ClickHouse who may do everything.
const User = "pianola"

// Guest is the user at ClickHouse whose grants a configuration gives.
const Guest = "guest"

// Services are the running servers.
type Services struct {
	Kafka      *kafka.Broker
	ClickHouse *clickhouse.Server
	Password   string // of User

	temporary string
}

// Start starts ClickHouse first: its library may have to be fetched.
func Start(ctx context.Context, c Config) (*Services, error) {
	s := &Services{Password: c.Password}
	if s.Password == "" {
		s.Password = rand.Text()
	}
	dir := c.DataDir
	if dir == "" {
		temporary, err := os.MkdirTemp("", "pianola-sandbox-")
		if err != nil {
			return nil, fmt.Errorf("make a data directory: %w", err)
		}
		dir, s.temporary = temporary, temporary
	}
	users := []clickhouse.User{clickhouse.Owner(User, s.Password)}
	if len(c.Guest) > 0 {
		users = append(users, clickhouse.User{Name: Guest, Password: s.Password, Grants: c.Guest})
	}
	var err error
	s.ClickHouse, err = clickhouse.Start(ctx, clickhouse.Config{
		DataDir:    filepath.Join(dir, "clickhouse"),
		NativeAddr: c.ClickHouse,
		HTTPAddr:   c.ClickHouseHTTP,
		Access:     clickhouse.Access{Users: users},
		Settings:   clickhouse.Settings{Logs: c.Logs},
		Progress:   c.Progress,
	})
	if err != nil {
		s.Close()
		return nil, portHint(fmt.Errorf("start ClickHouse: %w", err), "--clickhouse or --clickhouse-http")
	}
	s.Kafka, err = kafka.Start(kafka.Config{Addr: c.Kafka, DataDir: filepath.Join(dir, "kafka"), Topics: c.Topics})
	if err != nil {
		s.Close()
		return nil, portHint(fmt.Errorf("start Kafka: %w", err), "--kafka")
	}
	return s, nil
}

// Close stops the servers and removes temporary data.
func (s *Services) Close() {
	if s.Kafka != nil {
		s.Kafka.Close()
	}
	if s.ClickHouse != nil {
		_ = s.ClickHouse.Close()
	}
	if s.temporary != "" {
		_ = os.RemoveAll(s.temporary)
	}
}

// portHint says which flag of the command helps when a port is taken.
func portHint(err error, flag string) error {
	var failed *net.OpError
	if errors.As(err, &failed) && errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: choose another with %s, or port 0 for a free one", err, flag)
	}
	return err
}
