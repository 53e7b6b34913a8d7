package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/pianola/pianola/internal/console/role"
)

// OIDCConfig is a client of an identity provider.
type OIDCConfig struct {
	Issuer       string // URL of the provider
	ClientID     string
	ClientSecret string
	PublicURL    string // of the console, as browsers see it
	GroupsClaim  string // claim of the id token with the groups
	SessionKey   string // secret of the cookies; empty for a random one
	Mapping      role.Mapping
	Client       *http.Client // to the provider
}

// OIDC logs people in at an identity provider by the authorization code flow with PKCE.
type OIDC struct {
	config   OIDCConfig
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
	cookies  *cookies
}

// NewOIDC reads the description of the provider.
func NewOIDC(ctx context.Context, c OIDCConfig) (*OIDC, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, c.Client), c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("read the description of the identity provider (check console.oidc_issuer): %w", err)
	}
	secret := []byte(c.SessionKey)
	if len(secret) == 0 {
		secret = []byte(rand.Text() + rand.Text())
	}
	return &OIDC{
		config:   c,
		verifier: provider.Verifier(&oidc.Config{ClientID: c.ClientID}),
		oauth: oauth2.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, Endpoint: provider.Endpoint(),
			RedirectURL: strings.TrimSuffix(c.PublicURL, "/") + "/login/callback",
			Scopes:      []string{oidc.ScopeOpenID, "profile", "groups"},
		},
		cookies: newCookies(secret, strings.HasPrefix(c.PublicURL, "https://")),
	}, nil
}

// Authenticate reads the session. Without one, a page leads to the provider, and any other
// request is refused.
func (o *OIDC) Authenticate(w http.ResponseWriter, r *http.Request) (role.Identity, bool) {
	var s session
	if err := o.cookies.get(r, sessionCookie, &s); err == nil && s.User != "" {
		return o.config.Mapping.Identity(s.User, s.Groups), true
	}
	if r.Method != http.MethodGet || r.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Refresh", "true") // a fragment cannot follow a redirect to another site
		http.Error(w, "The session has ended. Open the page again.", http.StatusUnauthorized)
		return role.Identity{}, false
	}
	http.Redirect(w, r, "/login?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	return role.Identity{}, false
}

// Routes are the start of a login, its end, and the logout.
func (o *OIDC) Routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /login":          o.start,
		"GET /login/callback": o.finish,
		"POST /logout":        o.logout,
	}
}

func (o *OIDC) start(w http.ResponseWriter, r *http.Request) {
	l := login{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Target: localTarget(r.URL.Query().Get("to"))}
	if err := o.cookies.set(w, loginCookie, l); err != nil {
		http.Error(w, "The address of the page is too long for a login. Open / first.", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, o.oauth.AuthCodeURL(l.State, oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier)), http.StatusSeeOther)
}

// finish exchanges the code, checks the id token, and begins the session.
func (o *OIDC) finish(w http.ResponseWriter, r *http.Request) {
	var l login
	err := o.cookies.get(r, loginCookie, &l)
	o.cookies.remove(w, loginCookie)
	if err != nil || !equal(r.URL.Query().Get("state"), l.State) {
		http.Error(w, "This login was not started here, or took longer than ten minutes. Open / again.", http.StatusBadRequest)
		return
	}
	s, err := o.exchange(r, l)
	if err != nil {
		// The texts of the provider may contain tokens and names.
		http.Error(w, "The identity provider did not confirm the login. Open / again.", http.StatusForbidden)
		return
	}
	if err := o.cookies.set(w, sessionCookie, s); err != nil {
		http.Error(w, "The person is in too many groups for a cookie. Let the provider send fewer.", http.StatusForbidden)
		return
	}
	http.Redirect(w, r, l.Target, http.StatusSeeOther)
}

func (o *OIDC) exchange(r *http.Request, l login) (session, error) {
	ctx := oidc.ClientContext(r.Context(), o.config.Client)
	token, err := o.oauth.Exchange(ctx, r.URL.Query().Get("code"), oauth2.VerifierOption(l.Verifier))
	if err != nil {
		return session{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := o.verifier.Verify(ctx, raw)
	if err != nil || !equal(id.Nonce, l.Nonce) {
		return session{}, errNoLogin
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return session{}, err
	}
	s := session{User: id.Subject}
	if name, _ := claims["preferred_username"].(string); name != "" {
		s.User = name
	}
	all, _ := claims[o.config.GroupsClaim].([]any)
	for _, one := range all {
		group, _ := one.(string)
		if _, known := o.config.Mapping[group]; known { // others would only fill the cookie
			s.Groups = append(s.Groups, group)
		}
	}
	return s, nil
}

func (o *OIDC) logout(w http.ResponseWriter, r *http.Request) {
	o.cookies.remove(w, sessionCookie)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func equal(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// localTarget is the page to open after a login: a path of the console, so that no link
// can lead to another site.
func localTarget(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(text, `\`) {
		return "/"
	}
	return u.RequestURI()
}
