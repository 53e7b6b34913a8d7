package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"

	"github.com/pianola/pianola/internal/config"
	console "github.com/pianola/pianola/internal/console/instance"
	"github.com/pianola/pianola/internal/sandbox"
)

// webConsole is the console as `pianola console` serves it, with a login of all roles.
type webConsole struct {
	*console.Instance
	dir string // of its settings and its users
}

// openConsole starts the console from a settings file, as the command does. pianola is the
// configuration of the rest of the sandbox.
func openConsole(ctx context.Context, o options, pianola config.Config, log *zap.Logger) (_ *webConsole, err error) {
	c := &webConsole{}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.dir, err = os.MkdirTemp("", "pianola-console-"); err != nil {
		return nil, fmt.Errorf("make a directory for the console: %w", err)
	}
	users := filepath.Join(c.dir, "htpasswd")
	hash, err := bcrypt.GenerateFromPassword([]byte(pianola.ClickHouse.Password.Reveal()), bcrypt.MinCost)
	if err != nil {
		return nil, fmt.Errorf("make the console's login of --clickhouse-password: %w", err)
	}
	if err := os.WriteFile(users, fmt.Appendf(nil, "%s:%s\n", sandbox.User, hash), 0o600); err != nil {
		return nil, fmt.Errorf("write the console's users: %w", err)
	}
	file := filepath.Join(c.dir, "pianola.yaml")
	text := settingsFile(pianola, true) + fmt.Sprintf(`console:
  listen: %q
  auth: basic
  htpasswd_file: %q
  roles: {%s: ops+care_money+promo}
`, o.console, users, sandbox.User)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write the console's settings: %w", err)
	}
	loaded := config.Load(config.Source{File: file, Instance: "sandbox"})
	settings, err := loaded.Check(console.Sections()...)
	if err != nil {
		return nil, fmt.Errorf("settings of the console: %w", err)
	}
	c.Instance, err = console.New(ctx, settings, console.Options{Settings: loaded.Entries(), Version: version(), Now: time.Now, Log: log})
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: choose another address with --console; port 0 selects a free port", err)
	}
	return c, err
}

// close releases the address and removes the files. Run must have returned.
func (c *webConsole) close() {
	if c.Instance != nil {
		c.Close()
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}

// hint says where it is, and how to log in.
func (c *webConsole) hint(s *sandbox.Services) string {
	return fmt.Sprintf("http://%s/, user %s, password %s", c.Addr(), sandbox.User, s.Password)
}
