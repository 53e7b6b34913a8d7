package clickhouse

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"go.uber.org/zap"
)

// Config says where a server keeps its data, where it listens and whom it
// admits.
type Config struct {
	DataDir    string // created where it does not exist; data of an earlier server are used again
	NativeAddr string // host:port of the native protocol; port 0 takes a free one; loopback only
	HTTPAddr   string // the same for HTTP, on the same host
	Library    string // path of libchdb; empty: library.Locate

	Access   Access
	Settings Settings

	// Through is a command that starts the server, for example in another mount
	// namespace. It must end by replacing itself with its arguments (exec).
	Through []string

	Logger   *zap.Logger  // nil logs nothing
	Progress func(string) // reports in sentences while the library is fetched; may be nil
}

// Loopback is a configuration on free ports with the default access.
func Loopback(dataDir string) Config {
	return Config{DataDir: dataDir, NativeAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"}
}

// normalised fills in defaults and reports every mistake at once.
func (c Config) normalised() (Config, error) {
	var problems []error
	if c.DataDir == "" {
		problems = append(problems, errors.New("data directory: not given"))
	} else if dir, err := filepath.Abs(c.DataDir); err != nil {
		problems = append(problems, fmt.Errorf("data directory: %w", err))
	} else {
		c.DataDir = dir
	}
	native, err := loopbackHost(c.NativeAddr)
	if err != nil {
		problems = append(problems, fmt.Errorf("native address: %w", err))
	}
	http, err := loopbackHost(c.HTTPAddr)
	if err != nil {
		problems = append(problems, fmt.Errorf("http address: %w", err))
	}
	if len(problems) == 0 && native != http {
		problems = append(problems, fmt.Errorf("native address on %s and http address on %s: the server listens on one host", native, http))
	}
	problems = append(problems, c.Access.validate())
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return c, errors.Join(problems...)
}

// loopbackHost is the host of an address, which other machines must not reach:
// the users of a sandbox have weak or no passwords.
func loopbackHost(addr string) (string, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if host == "localhost" {
		return "127.0.0.1", nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", fmt.Errorf("%q is not a loopback address: use 127.0.0.1 or [::1]", addr)
	}
	return host, nil
}
