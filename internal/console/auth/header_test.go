package auth

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/pianola/pianola/internal/console/role"
)

func TestHeader_Authenticate(t *testing.T) {
	h := &Header{User: "X-User", Groups: "X-Groups", Trusted: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")},
		Mapping: role.Mapping{"desk": {role.Care}, "leads": {role.CareMoney}}}
	for name, c := range map[string]struct {
		from        string
		user, group []string
		want        bool
		care        bool
	}{
		"from the proxy":             {"10.1.2.3:1", []string{"ada"}, []string{"desk, other"}, true, true},
		"from the proxy, IPv6":       {"[fd00::1]:1", []string{"ada"}, []string{"leads"}, true, true},
		"IPv4 in IPv6":               {"[::ffff:10.1.2.3]:1", []string{"ada"}, []string{"desk"}, true, true},
		"from elsewhere":             {"10.2.2.3:1", []string{"ada"}, []string{"desk"}, false, false},
		"no user":                    {"10.1.2.3:1", nil, []string{"desk"}, false, false},
		"empty user":                 {"10.1.2.3:1", []string{""}, []string{"desk"}, false, false},
		"second user of the visitor": {"10.1.2.3:1", []string{"mallory", "ada"}, []string{"desk"}, false, false},
		"second groups":              {"10.1.2.3:1", []string{"ada"}, []string{"leads", "desk"}, false, false},
		"no groups":                  {"10.1.2.3:1", []string{"ada"}, nil, true, false},
		"part of a group's name":     {"10.1.2.3:1", []string{"ada"}, []string{"des"}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.from
			for _, one := range c.user {
				r.Header.Add("X-User", one)
			}
			for _, one := range c.group {
				r.Header.Add("X-Groups", one)
			}
			who, ok := h.Authenticate(httptest.NewRecorder(), r)
			if ok != c.want || who.Has(role.Care) != c.care {
				t.Errorf("got %+v %v", who, ok)
			}
		})
	}
}
