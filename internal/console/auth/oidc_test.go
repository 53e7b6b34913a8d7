package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/pianola/pianola/internal/console/role"
)

// provider is an identity provider that logs everybody in as ada, with PKCE.
type provider struct {
	*httptest.Server
	key       *ecdsa.PrivateKey
	challenge string
	nonce     string
	groups    []string
	spoil     func(claims map[string]any)
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key, groups: []string{"desk", "everybody"}}
	keys := &oidctest.Server{
		Algorithms: []string{oidc.ES256},
		PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "key", Algorithm: oidc.ES256}},
	}
	mux := http.NewServeMux()
	mux.Handle("/", keys)
	mux.HandleFunc("/auth", p.authorize)
	mux.HandleFunc("/token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	keys.SetIssuer(p.URL)
	return p
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.challenge, p.nonce = q.Get("code_challenge"), q.Get("nonce")
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"secret-code"}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if r.FormValue("code") != "secret-code" || base64.RawURLEncoding.EncodeToString(sum[:]) != p.challenge {
		http.Error(w, "wrong code", http.StatusBadRequest)
		return
	}
	claims := map[string]any{
		"iss": p.URL, "aud": "console", "sub": "id-1", "preferred_username": "ada", "groups": p.groups, "nonce": p.nonce,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	if p.spoil != nil {
		p.spoil(claims)
	}
	text, _ := json.Marshal(claims) // texts and numbers
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": "secret-token", "token_type": "Bearer", "expires_in": 60,
		"id_token": oidctest.SignIDToken(p.key, "key", oidc.ES256, string(text)),
	})
}

// application is a console with one page, which names the roles.
func application(t *testing.T, p *provider) (*httptest.Server, *http.Client) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	o, err := NewOIDC(t.Context(), OIDCConfig{
		Issuer: p.URL, ClientID: "console", ClientSecret: "secret", PublicURL: server.URL, GroupsClaim: "groups",
		Mapping: role.Mapping{"desk": {role.Care}}, Client: p.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for pattern, handle := range o.Routes() {
		mux.HandleFunc(pattern, handle)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if who, ok := o.Authenticate(w, r); ok {
			fmt.Fprintf(w, "%s %s %v", r.URL.RequestURI(), who.User, who.Roles)
		}
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return server, &http.Client{Jar: jar, Timeout: 10 * time.Second}
}

func read(t *testing.T, c *http.Client, address string) (int, string) {
	t.Helper()
	answer, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestOIDC_LogsIn(t *testing.T) {
	server, client := application(t, newProvider(t))
	status, text := read(t, client, server.URL+"/business/mrr?span=7d")
	if status != http.StatusOK || text != "/business/mrr?span=7d ada [care]" {
		t.Fatalf("%d %q", status, text)
	}
	u, _ := url.Parse(server.URL)
	for _, cookie := range client.Jar.Cookies(u) {
		if strings.Contains(cookie.Value, "ada") || strings.Contains(cookie.Value, base64.StdEncoding.EncodeToString([]byte("ada"))) {
			t.Error("the cookie shows the user")
		}
		changed := *cookie
		changed.Value = cookie.Value[:len(cookie.Value)-2] + "AA"
		other := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		request.AddCookie(&changed)
		answer, err := other.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusSeeOther {
			t.Errorf("a changed cookie gives %d", answer.StatusCode)
		}
	}
}

func TestOIDC_Refuses(t *testing.T) {
	for name, spoil := range map[string]func(map[string]any){
		"nonce of another login": func(c map[string]any) { c["nonce"] = "other" },
		"no nonce":               func(c map[string]any) { delete(c, "nonce") },
		"another audience":       func(c map[string]any) { c["aud"] = "shop" },
		"another issuer":         func(c map[string]any) { c["iss"] = "https://evil.example" },
		"expired":                func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.spoil = spoil
			server, client := application(t, p)
			status, text := read(t, client, server.URL+"/")
			if status != http.StatusForbidden || strings.Contains(text, "secret") || strings.Contains(text, "ada") {
				t.Errorf("%d %q", status, text)
			}
		})
	}
	t.Run("an answer that nobody asked for", func(t *testing.T) {
		server, client := application(t, newProvider(t))
		if status, _ := read(t, client, server.URL+"/login/callback?code=secret-code&state=x"); status != http.StatusBadRequest {
			t.Errorf("%d", status)
		}
	})
	t.Run("no group with a role", func(t *testing.T) {
		p := newProvider(t)
		p.groups = nil
		server, client := application(t, p)
		if _, text := read(t, client, server.URL+"/"); text != "/ ada []" {
			t.Errorf("%q", text)
		}
	})
}

func TestLocalTarget(t *testing.T) {
	for text, want := range map[string]string{
		"/business/mrr?span=7d": "/business/mrr?span=7d",
		"":                      "/",
		"https://evil.example":  "/",
		"//evil.example/x":      "/",
		`/\evil.example`:        "/",
		"javascript:alert(1)":   "/",
		"evil.example":          "/",
		"/%2f/evil.example":     "/",
	} {
		if got := localTarget(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
