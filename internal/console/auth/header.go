package auth

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/pianola/pianola/internal/console/role"
)

// Header trusts a proxy that has logged the person in and sends the name and the groups.
type Header struct {
	User    string         // name of the header with the user
	Groups  string         // name of the header with the groups, with commas between them
	Trusted []netip.Prefix // addresses of the proxies; other senders are refused
	Mapping role.Mapping
}

// Authenticate reads the headers of a trusted proxy.
func (h *Header) Authenticate(w http.ResponseWriter, r *http.Request) (role.Identity, bool) {
	if !h.trusts(r.RemoteAddr) {
		http.Error(w, "This address is not one of console.header_trusted. Open the console through its proxy.", http.StatusForbidden)
		return role.Identity{}, false
	}
	// A second header would be one that the visitor has added beside the proxy's.
	users, groups := r.Header.Values(h.User), r.Header.Values(h.Groups)
	if len(users) != 1 || users[0] == "" || len(groups) > 1 {
		http.Error(w, "The proxy has sent no user, or several.", http.StatusUnauthorized)
		return role.Identity{}, false
	}
	var names []string
	for _, line := range groups {
		for name := range strings.SplitSeq(line, ",") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return h.Mapping.Identity(users[0], names), true
}

func (h *Header) trusts(remote string) bool {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	for _, prefix := range h.Trusted {
		if prefix.Contains(address.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// Routes has no pages.
func (h *Header) Routes() map[string]http.HandlerFunc { return nil }
