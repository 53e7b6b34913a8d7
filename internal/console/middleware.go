package console

import (
	"context"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/role"
)

// policy binds the browser to what this server sends. Style and script come from files.
const policy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// protect has the outer limits of every request, in the order in which they are checked.
func (s *Server) protect(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	for _, host := range s.hosts {
		// Behind a proxy that ends TLS the scheme differs from this connection's.
		_ = crossOrigin.AddTrustedOrigin("https://" + host)
	}
	checked := crossOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recovered(w, r)
		headers(w)
		if !slices.Contains(s.hosts, strings.ToLower(r.Host)) {
			http.Error(w, "The console is not served under this host name. Check console.public_url.", http.StatusMisdirectedRequest)
			return
		}
		if !s.allow(r) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "Too many requests from your address. Try again in a second.", http.StatusTooManyRequests)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		ctx, cancel := context.WithTimeout(r.Context(), handlerTimeout)
		defer cancel()
		checked.ServeHTTP(w, r.WithContext(ctx))
	})
}

func headers(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// allow counts the requests of one address. The addresses that were seen last are known.
func (s *Server) allow(r *http.Request) bool {
	client := clientOf(r.RemoteAddr)
	limiter, found := s.limiters.Get(client)
	if !found {
		limiter = rate.NewLimiter(rate.Limit(s.config.Rate), int(4*s.config.Rate)+1)
		if other, exists, _ := s.limiters.PeekOrAdd(client, limiter); exists {
			limiter = other
		}
	}
	return limiter.Allow()
}

// clientOf is what has a rate of its own: an IPv4 address, or an IPv6 network of 64 bits,
// which one client may have whole.
func clientOf(remote string) string {
	bound, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	address := bound.Addr().Unmap()
	if address.Is4() {
		return address.String()
	}
	network, err := address.WithZone("").Prefix(64)
	if err != nil {
		return address.String()
	}
	return network.String()
}

// recovered keeps the server alive when a page fails. The log has no text of the request:
// it may be personal.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	failed := recover()
	if failed == nil {
		return
	}
	if failed == http.ErrAbortHandler { //nolint:errorlint // the documented way to compare it
		panic(failed)
	}
	s.log.Error("page panicked", zap.String("pattern", r.Pattern), zap.ByteString("stack", debug.Stack()))
	http.Error(w, "The page failed. The log of the console has the details.", http.StatusInternalServerError)
}

// authorize lets a person with the role open the page.
func (s *Server) authorize(renderer *page.Renderer, needs role.Role, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, ok := s.auth.Authenticate(w, r)
		if !ok {
			return
		}
		r = r.WithContext(role.With(r.Context(), who))
		if !who.Has(needs) {
			renderer.Fail(w, r, http.StatusForbidden, "This page needs the role "+string(needs)+". Ask the owner of console.roles for it.")
			return
		}
		next(w, r)
	}
}
