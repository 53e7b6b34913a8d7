package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// addressMistake explains what is wrong with host:port; empty for a good address. It does
// not repeat the address, which may contain a password.
func addressMistake(address string) string {
	switch {
	case strings.Contains(address, "://"):
		return "is a URL"
	case strings.Contains(address, "@"):
		return "contains an @"
	case strings.ContainsAny(address, `"'`):
		return "contains quotes"
	case strings.ContainsAny(address, "/?#"):
		return "contains a path or parameters"
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" {
		return "is not host:port"
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return "has no port between 1 and 65535"
	}
	if _, err := netip.ParseAddr(host); err != nil && !isHostName(host) {
		return "has a host name with characters other than letters, digits, '-', '_' and '.'"
	}
	return ""
}

// listenMistake is addressMistake for an address of this process: the host may be absent,
// and port 0 takes a free port.
func listenMistake(address string) string {
	if host, found := strings.CutSuffix(address, ":0"); found {
		address = host + ":1"
	}
	if strings.HasPrefix(address, ":") {
		address = "0.0.0.0" + address
	}
	return addressMistake(address)
}

func isHostName(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// checkAddresses reports each wrong address by its position. login is where a login
// belongs.
func checkAddresses(p *problems, key string, addresses []string, example, login string) {
	wrong := false
	for i, address := range addresses {
		if mistake := addressMistake(address); mistake != "" {
			p.add(key, "address %d %s; use host:port such as %s (a login belongs in %s)", i+1, mistake, example, login)
			wrong = true
		}
	}
	if wrong {
		p.mute(key)
	}
}
