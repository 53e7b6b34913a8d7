package auth

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/pianola/pianola/internal/console/role"
)

func htpasswdFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func hash(t *testing.T, password string) string {
	t.Helper()
	made, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(made)
}

func TestBasic_Authenticate(t *testing.T) {
	b, err := NewBasic(htpasswdFile(t, "ada:"+hash(t, "right"), "eve:"+hash(t, "other")), role.Mapping{"ada": {role.Ops, role.Promo}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		user, password string
		want           bool
		roles          int
	}{
		"right":                    {"ada", "right", true, 2},
		"right, remembered":        {"ada", "right", true, 2},
		"wrong":                    {"ada", "wrong", false, 0},
		"password of another":      {"ada", "other", false, 0},
		"unknown user":             {"nobody", "right", false, 0},
		"empty":                    {"", "", false, 0},
		"no role":                  {"eve", "other", true, 0},
		"longer than bcrypt reads": {"ada", "right" + strings.Repeat("x", 80), false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.SetBasicAuth(c.user, c.password)
			w := httptest.NewRecorder()
			who, ok := b.Authenticate(w, r)
			if ok != c.want || len(who.Roles) != c.roles {
				t.Errorf("got %v %v", who, ok)
			}
			if !ok && (w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "") {
				t.Errorf("answer %d without a request for a login", w.Code)
			}
			if strings.Contains(w.Body.String(), c.password) && c.password != "" {
				t.Error("the answer has the password")
			}
		})
	}
	t.Run("without a login", func(t *testing.T) {
		if _, ok := b.Authenticate(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)); ok {
			t.Error("let in")
		}
	})
}

func TestNewBasic_Refuses(t *testing.T) {
	for name, lines := range map[string][]string{
		"md5":       {"ada:$apr1$abcdefgh$abcdefghijklmnopqrstuv"},
		"sha1":      {"ada:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M="},
		"plaintext": {"ada:secret-password"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewBasic(htpasswdFile(t, lines...), nil, time.Now)
			if err == nil || strings.Contains(err.Error(), "ada") || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := NewBasic(filepath.Join(t.TempDir(), "missing"), nil, time.Now); err == nil {
		t.Error("a missing file is accepted")
	}
}
