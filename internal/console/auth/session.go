package auth

import (
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/gorilla/securecookie"
)

// A kind is one kind of cookie: its name, and how long it is valid in the browser and here.
type kind struct {
	name   string
	length time.Duration
}

var (
	sessionCookie = kind{"pianola_session", 8 * time.Hour} // a working day; the roles of a person change slower
	loginCookie   = kind{"pianola_login", 10 * time.Minute}
)

const maxCookieBytes = 4096

// session is what the browser keeps, encrypted.
type session struct {
	User   string
	Groups []string
}

// login is a login at the identity provider that has not come back yet.
type login struct {
	State, Nonce, Verifier, Target string
}

// cookies writes and reads encrypted cookies.
type cookies struct {
	signing, encryption [sha256.Size]byte
	secure              bool // served over https
}

// newCookies derives the keys from one secret. Processes with the same secret accept each
// other's cookies.
func newCookies(secret []byte, secure bool) *cookies {
	return &cookies{
		signing:    sha256.Sum256(append([]byte("sign\x00"), secret...)),
		encryption: sha256.Sum256(append([]byte("encrypt\x00"), secret...)),
		secure:     secure,
	}
}

func (c *cookies) codec(k kind) *securecookie.SecureCookie {
	codec := securecookie.New(c.signing[:], c.encryption[:])
	codec.MaxAge(int(k.length.Seconds()))
	codec.MaxLength(maxCookieBytes)
	codec.SetSerializer(securecookie.JSONEncoder{})
	return codec
}

// name has the prefix __Host- where the console is served over https, so that no other host
// can set the cookie.
func (c *cookies) name(k kind) string {
	if c.secure {
		return "__Host-" + k.name
	}
	return k.name
}

// set keeps a value in the browser. Lax, because the way back from the identity provider
// is a navigation from another site.
func (c *cookies) set(w http.ResponseWriter, k kind, value any) error {
	text, err := c.codec(k).Encode(c.name(k), value)
	if err != nil {
		return err
	}
	http.SetCookie(w, c.cookie(k, text, int(k.length.Seconds())))
	return nil
}

func (c *cookies) get(r *http.Request, k kind, into any) error {
	cookie, err := r.Cookie(c.name(k))
	if err != nil {
		return errNoLogin
	}
	return c.codec(k).Decode(c.name(k), cookie.Value, into)
}

func (c *cookies) remove(w http.ResponseWriter, k kind) {
	http.SetCookie(w, c.cookie(k, "", -1))
}

func (c *cookies) cookie(k kind, value string, age int) *http.Cookie {
	return &http.Cookie{Name: c.name(k), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode}
}
