package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/tg123/go-htpasswd"
	"golang.org/x/sync/semaphore"

	"github.com/pianola/pianola/internal/console/role"
)

// Limits of password checks. One bcrypt comparison takes tens of milliseconds of CPU on
// purpose, so few run at a time, and a good one is remembered.
const (
	maxComparisons = 2
	rememberFor    = 5 * time.Minute
	maxRemembered  = 1000
)

// Basic is HTTP Basic authentication with the users of an htpasswd file.
type Basic struct {
	file    *htpasswd.File
	mapping role.Mapping
	running *semaphore.Weighted

	// good has the logins that were right, as keyed hashes, and when they were compared.
	good *lru.Cache[[sha256.Size]byte, time.Time]
	key  [32]byte
	now  func() time.Time
}

// NewBasic reads the file. All its hashes must be bcrypt. The group of a user is the
// user's own name.
func NewBasic(path string, mapping role.Mapping, now func() time.Time) (*Basic, error) {
	var bad error
	file, err := htpasswd.New(path, []htpasswd.PasswdParser{htpasswd.AcceptBcrypt}, func(error) {
		bad = errors.New("a line is not user:hash with a bcrypt hash (make it with htpasswd -B)")
	})
	if err != nil {
		return nil, errors.New("console.htpasswd_file cannot be read")
	}
	if bad != nil {
		return nil, fmt.Errorf("console.htpasswd_file: %w", bad)
	}
	good, err := lru.New[[sha256.Size]byte, time.Time](maxRemembered)
	if err != nil {
		return nil, err
	}
	b := &Basic{file: file, mapping: mapping, running: semaphore.NewWeighted(maxComparisons), good: good, now: now}
	_, _ = rand.Read(b.key[:]) // never fails
	return b, nil
}

// Authenticate compares user and password with the file.
func (b *Basic) Authenticate(w http.ResponseWriter, r *http.Request) (role.Identity, bool) {
	if user, password, sent := r.BasicAuth(); sent && b.right(r, user, password) {
		return b.mapping.Identity(user, []string{user}), true
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="Pianola console", charset="UTF-8"`)
	http.Error(w, "Log in with a user of the console.", http.StatusUnauthorized)
	return role.Identity{}, false
}

func (b *Basic) right(r *http.Request, user, password string) bool {
	if len(password) > 72 { // bcrypt refuses more
		return false
	}
	mac := hmac.New(sha256.New, b.key[:])
	_, _ = fmt.Fprintf(mac, "%d:%s:%s", len(user), user, password) // a hash never fails
	known := [sha256.Size]byte(mac.Sum(nil))
	if at, found := b.good.Get(known); found && b.now().Sub(at) < rememberFor {
		return true
	}
	if err := b.running.Acquire(r.Context(), 1); err != nil {
		return false
	}
	defer b.running.Release(1)
	if !b.file.Match(user, password) {
		return false
	}
	b.good.Add(known, b.now())
	return true
}

// Routes has no pages.
func (b *Basic) Routes() map[string]http.HandlerFunc { return nil }
