package config

import (
	"strings"
	"testing"
)

// TestCheck_Console: a console that others reach needs a login, and each login its settings.
func TestCheck_Console(t *testing.T) {
	for name, c := range map[string]struct {
		variables []string
		want      string // key of the mistake; empty for none
	}{
		"usual":                           {nil, ""},
		"loopback IPv6":                   {[]string{"CONSOLE_LISTEN=[::1]:0"}, ""},
		"every address, no login":         {[]string{"CONSOLE_LISTEN=0.0.0.0:8096", "CONSOLE_PUBLIC_URL=https://p.example"}, "console.auth"},
		"no host, no login":               {[]string{"CONSOLE_LISTEN=:8096", "CONSOLE_PUBLIC_URL=https://p.example"}, "console.auth"},
		"basic":                           {[]string{"CONSOLE_AUTH=basic", "CONSOLE_HTPASSWD_FILE=/etc/hosts", "CONSOLE_ROLES=ada:ops"}, ""},
		"basic without a file":            {[]string{"CONSOLE_AUTH=basic", "CONSOLE_ROLES=ada:ops"}, "console.htpasswd_file"},
		"basic without roles":             {[]string{"CONSOLE_AUTH=basic", "CONSOLE_HTPASSWD_FILE=/etc/hosts"}, "console.roles"},
		"loopback behind a public host":   {[]string{"CONSOLE_PUBLIC_URL=https://p.example"}, "console.auth"},
		"unknown role":                    {[]string{"CONSOLE_ROLES=ada:admin"}, "console.roles"},
		"header without a proxy":          {[]string{"CONSOLE_AUTH=header", "CONSOLE_ROLES=g:ops"}, "console.header_trusted"},
		"a network that is not one":       {[]string{"CONSOLE_HEADER_TRUSTED=10.0.0.1"}, "console.header_trusted"},
		"oidc without its settings":       {[]string{"CONSOLE_AUTH=oidc", "CONSOLE_ROLES=g:ops"}, "console.oidc_issuer"},
		"oidc with a short session key":   {[]string{"CONSOLE_AUTH=oidc", "CONSOLE_ROLES=g:ops", "CONSOLE_SESSION_KEY=short"}, "console.session_key"},
		"plain http on a name":            {[]string{"CONSOLE_PUBLIC_URL=http://p.example"}, "console.public_url"},
		"a public URL with a path":        {[]string{"CONSOLE_PUBLIC_URL=https://p.example/pianola"}, "console.public_url"},
		"a certificate without its key":   {[]string{"CONSOLE_CERT_FILE=/etc/hosts"}, "console.cert_file"},
		"a login that does not exist":     {[]string{"CONSOLE_AUTH=ldap"}, "console.auth"},
		"no requests":                     {[]string{"CONSOLE_RATE=0"}, "console.rate"},
		"another host without public URL": {[]string{"CONSOLE_LISTEN=0.0.0.0:1", "CONSOLE_AUTH=header", "CONSOLE_ROLES=g:ops", "CONSOLE_HEADER_TRUSTED=10.0.0.0/8"}, "console.public_url"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(with(c.variables...)).Check("console")
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v", err)
			}
		})
	}
}
