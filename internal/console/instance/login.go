package instance

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/console/auth"
	"github.com/pianola/pianola/internal/console/role"
)

// providerTimeout bounds a request to the identity provider.
const providerTimeout = 10 * time.Second

// login makes the login that console.auth names.
func login(ctx context.Context, cfg config.Config, now func() time.Time) (auth.Authenticator, error) {
	c := cfg.Console
	mapping, err := role.ParseMapping(c.Roles)
	if err != nil {
		return nil, fmt.Errorf("console.roles: %w", err)
	}
	switch c.Auth {
	case "basic":
		return auth.NewBasic(c.HtpasswdFile, mapping, now)
	case "header":
		return &auth.Header{User: c.HeaderUser, Groups: c.HeaderGroups, Trusted: cfg.ConsoleTrusted(), Mapping: mapping}, nil
	case "oidc":
		return auth.NewOIDC(ctx, auth.OIDCConfig{
			Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, ClientSecret: c.OIDCClientSecret.Reveal(), PublicURL: c.PublicURL,
			GroupsClaim: c.OIDCGroupsClaim, SessionKey: c.SessionKey.Reveal(), Mapping: mapping,
			Client: &http.Client{Timeout: providerTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		})
	default:
		return auth.None{}, nil
	}
}
