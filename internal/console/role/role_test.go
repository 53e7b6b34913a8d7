package role

import (
	"strings"
	"testing"
)

func TestIdentity_Has(t *testing.T) {
	for _, c := range []struct {
		roles []Role
		has   []Role
	}{
		{nil, nil},
		{[]Role{Viewer}, []Role{Viewer}},
		{[]Role{Ops}, []Role{Viewer, Ops}},
		{[]Role{Care}, []Role{Viewer, Care}},
		{[]Role{CareMoney}, []Role{Viewer, Care, CareMoney}},
		{[]Role{Promo}, []Role{Viewer, Promo}},
	} {
		who := Identity{Roles: c.roles}
		for _, role := range Roles() {
			want := false
			for _, one := range c.has {
				want = want || one == role
			}
			if who.Has(role) != want {
				t.Errorf("%v: has %s: %v", c.roles, role, !want)
			}
		}
	}
}

func TestParseMapping(t *testing.T) {
	m, err := ParseMapping(map[string]string{"desk": "care", "leads": "care_money + promo", "all": "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	who := m.Identity("ada", []string{"leads", "all", "unknown"})
	if !who.Has(CareMoney) || !who.Has(Promo) || who.Has(Ops) {
		t.Errorf("got %v", who.Roles)
	}
	if who := m.Identity("eve", []string{"", "des"}); len(who.Roles) != 0 {
		t.Errorf("got %v without a group", who.Roles)
	}
	for _, roles := range []string{"", "admin", "care+", "Care"} {
		if _, err := ParseMapping(map[string]string{"secret-name": roles}); err == nil || strings.Contains(err.Error(), "secret-name") {
			t.Errorf("%q: %v", roles, err)
		}
	}
}
