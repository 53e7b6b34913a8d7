package console

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Config is the behaviour of the server.
type Config struct {
	Listen    string  // host:port; port 0 selects a free port
	PublicURL string  // as browsers see it; empty for http://Listen
	Rate      float64 // requests a second from one address
	CertFile  string  // of TLS; empty for plain HTTP
	KeyFile   string
}

// Limits of requests. Pages are small, and forms are too.
const (
	maxBody        = 1 << 20
	headerTimeout  = 5 * time.Second
	readTimeout    = 30 * time.Second
	writeTimeout   = time.Minute
	idleTimeout    = 2 * time.Minute
	handlerTimeout = 40 * time.Second
	maxHeaderBytes = 32 << 10
	maxClients     = 10_000 // whose rate is known
)

// loopback reports whether only this machine reaches the address.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// Loopback reports whether only this machine reaches the address of the server.
func (c Config) Loopback() bool { return loopback(c.Listen) }

// hosts are the values of the Host header that the server answers. Another one means that
// a name of somebody else leads here (DNS rebinding).
func (c Config) hosts(bound net.Addr) ([]string, error) {
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return nil, fmt.Errorf("address of the console: %w", err)
	}
	var hosts []string
	if c.Loopback() {
		hosts = append(hosts, "localhost:"+port, "127.0.0.1:"+port, "[::1]:"+port)
	}
	if c.PublicURL == "" {
		if !c.Loopback() {
			return nil, errors.New("console.public_url is required when the console does not listen on a loopback address")
		}
		return hosts, nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" {
		return nil, errors.New("console.public_url is not a URL such as https://pianola.example.com")
	}
	return append(hosts, strings.ToLower(u.Host)), nil
}
