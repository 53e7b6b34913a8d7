package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/console/role"
)

// minSessionKey is the length of a key that nobody guesses.
const minSessionKey = 32

func (c Config) checkConsole(p *problems) {
	s := c.Console
	if mistake := listenMistake(s.Listen); mistake != "" {
		p.add("console.listen", "%s; use host:port such as %s", mistake, defaultConsoleListen)
	}
	if !slices.Contains([]string{"none", "basic", "header", "oidc"}, s.Auth) {
		p.add("console.auth", "is not one of none, basic, header, oidc")
	}
	if s.Auth == "none" && !loopback(s.Listen) {
		p.add("console.auth", "has the value none, which is for loopback addresses; set basic, header or oidc, or console.listen to %s", defaultConsoleListen)
	}
	if s.PublicURL == "" && !loopback(s.Listen) {
		p.add("console.public_url", "is needed when console.listen is not a loopback address")
	}
	if u, err := url.Parse(s.PublicURL); s.Auth == "none" && s.PublicURL != "" && (err != nil || !loopback(u.Host)) {
		p.add("console.auth", "has the value none, although console.public_url is for others; set basic, header or oidc")
	}
	checkPublicURL(p, "console.public_url", s.PublicURL)
	checkPublicURL(p, "console.oidc_issuer", s.OIDCIssuer)
	if _, err := role.ParseMapping(s.Roles); err != nil {
		p.add("console.roles", "%v", err)
	}
	if s.Auth != "none" && len(s.Roles) == 0 {
		p.add("console.roles", "is empty: nobody could open a page")
	}
	if s.Rate <= 0 {
		p.add("console.rate", "is not above 0")
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		p.add("console.cert_file", "and console.key_file need each other")
	}
	switch s.Auth {
	case "basic":
		if s.HtpasswdFile == "" {
			p.add("console.htpasswd_file", "is needed by console.auth basic; make it with: htpasswd -cB FILE USER")
		}
	case "header":
		if s.HeaderUser == "" || s.HeaderGroups == "" {
			p.add("console.header_user", "and console.header_groups are needed by console.auth header")
		}
		if len(s.HeaderTrusted) == 0 {
			p.add("console.header_trusted", "is empty: without the addresses of the proxy anybody could send its headers")
		}
	case "oidc":
		c.checkOIDC(p)
	}
	for i, text := range s.HeaderTrusted {
		if _, err := netip.ParsePrefix(text); err != nil {
			p.add("console.header_trusted", "network %d is not a network such as 10.0.0.0/8 or 10.1.2.3/32", i+1)
		}
	}
}

func (c Config) checkOIDC(p *problems) {
	s := c.Console
	if s.OIDCIssuer == "" || s.OIDCClientID == "" || s.OIDCClientSecret == "" || s.PublicURL == "" || s.OIDCGroupsClaim == "" {
		p.add("console.oidc_issuer", "console.oidc_client_id, console.oidc_client_secret_file, console.oidc_groups_claim and console.public_url are needed by console.auth oidc")
	}
	if n := len(s.SessionKey.Reveal()); n > 0 && n < minSessionKey {
		p.unreadable("console.session_key", "is shorter than %d characters; make one with: openssl rand -hex 32", minSessionKey)
	}
}

func checkPublicURL(p *problems, key, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		p.add(key, "is not a URL such as https://pianola.example.com")
	case u.User != nil:
		p.add(key, "contains a login")
	case u.RawQuery != "" || u.Fragment != "":
		p.add(key, "contains parameters")
	case u.Scheme == "http" && !loopback(u.Host):
		p.add(key, "is http, by which passwords and sessions could be read on the way; use https")
	case key == "console.public_url" && strings.Trim(u.Path, "/") != "":
		p.add(key, "has a path; the pages are served at the root of a host")
	}
}

// ConsoleTrusted are the networks of the proxies. The settings must be valid.
func (c Config) ConsoleTrusted() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range c.Console.HeaderTrusted {
		if prefix, err := netip.ParsePrefix(text); err == nil { // checked
			all = append(all, prefix.Masked())
		}
	}
	return all
}
