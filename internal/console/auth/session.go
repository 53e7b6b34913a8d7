package auth

import (
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/gorilla/securecookie"
)

// sessionCookie has the __Host- prefix where the console is served over https, so that
// no other host can set it.
const (
	secureSession  = "__Host-pianola_session"
	plainSession   = "pianola_session"
	sessionLength  = 8 * time.Hour // a working day; the roles of a person change slower
	loginCookie    = "pianola_login"
	loginLength    = 10 * time.Minute
	maxCookieBytes = 4096
)

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
	codec  *securecookie.SecureCookie
	secure bool // served over https
}

// newCookies derives the keys from one secret. Processes with the same secret accept each
// other's cookies.
func newCookies(secret []byte, secure bool) *cookies {
	signing := sha256.Sum256(append([]byte("sign\x00"), secret...))
	encryption := sha256.Sum256(append([]byte("encrypt\x00"), secret...))
	codec := securecookie.New(signing[:], encryption[:])
	codec.MaxAge(int(sessionLength.Seconds()))
	codec.MaxLength(maxCookieBytes)
	codec.SetSerializer(securecookie.JSONEncoder{})
	return &cookies{codec: codec, secure: secure}
}

func (c *cookies) sessionName() string {
	if c.secure {
		return secureSession
	}
	return plainSession
}

// set keeps a value in the browser. Lax, because the way back from the identity provider
// is a navigation from another site.
func (c *cookies) set(w http.ResponseWriter, name string, value any, length time.Duration) error {
	text, err := c.codec.Encode(name, value)
	if err != nil {
		return err
	}
	http.SetCookie(w, c.cookie(name, text, int(length.Seconds())))
	return nil
}

func (c *cookies) get(r *http.Request, name string, into any) error {
	cookie, err := r.Cookie(name)
	if err != nil {
		return errNoLogin
	}
	return c.codec.Decode(name, cookie.Value, into)
}

func (c *cookies) remove(w http.ResponseWriter, name string) {
	http.SetCookie(w, c.cookie(name, "", -1))
}

func (c *cookies) cookie(name, value string, age int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode}
}
