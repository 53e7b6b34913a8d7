package front

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"go.uber.org/zap"
)

// Config says where the engine keeps its data and where it is reached.
type Config struct {
	DataDir    string // the engine's data; created where it does not exist
	NativeAddr string // host:port of the native protocol; port 0 chooses one; loopback only
	HTTPAddr   string // the same for HTTP
	Library    string // path of libchdb; empty finds or fetches it (libchdb.Locate)

	TLS *tls.Config // encrypts both protocols; nil: neither is

	// User and Password are the one login: see Login.
	User, Password string

	Logger   *zap.Logger  // nil logs nothing
	Progress func(string) // told in sentences while the library is fetched; may be nil
}

// normalised fills in what may be left out and reports every mistake at once.
func (c Config) normalised() (Config, error) {
	var problems []error
	if c.DataDir == "" {
		problems = append(problems, errors.New("data directory: none given"))
	} else if dir, err := filepath.Abs(c.DataDir); err != nil {
		problems = append(problems, fmt.Errorf("data directory: %w", err))
	} else {
		c.DataDir = dir
	}
	problems = append(problems, c.front().validate())
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	return c, errors.Join(problems...)
}

func (c Config) front() FrontConfig {
	return FrontConfig{
		NativeAddr: c.NativeAddr, HTTPAddr: c.HTTPAddr, TLS: c.TLS,
		Login: Login{User: c.User, Password: c.Password},
	}
}

// loopback refuses an address that other machines can reach.
func loopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%q is not a loopback address: the engine can read this machine's files, so use 127.0.0.1 or [::1]", addr)
	}
	return nil
}
