package clickhouse

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"
)

// Access is who may log in and what they may do. The server reads it when it
// starts. Beside these users there is always "default", as which the server
// itself starts: it has no password and may read.
type Access struct {
	Users    []User
	Profiles []Profile
	Quotas   []Quota
}

// User is a login.
type User struct {
	Name     string
	Password string   // may be empty
	Grants   []string // GRANT statements; a "TO user" at their end is dropped
	Profile  string   // empty: "default"
	Quota    string   // empty: "default", which has no limits
}

// Profile is a set of settings and of limits to what a user may change.
type Profile struct {
	Name     string
	Settings map[string]string
	// Constant names settings that a user of the profile must not change.
	Constant []string
	// Between are settings that a user may change within limits.
	Between map[string]Limits
}

// Limits are the lowest and the highest value of a setting.
type Limits struct{ Min, Max string }

// Quota limits what a user may do within an interval. Limits are by ClickHouse's
// names: queries, query_inserts, errors, result_rows, …
type Quota struct {
	Name     string
	Interval time.Duration
	Limits   map[string]uint64
}

// Everything is the grant of a user who may do all that a server allows.
const Everything = "GRANT ALL ON *.*"

// Owner is a user who may do everything.
func Owner(name, password string) User {
	return User{Name: name, Password: password, Grants: []string{Everything}}
}

// defaultName is the user, the profile and the quota that are always there.
const defaultName = "default"

var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// validate reports every mistake. ClickHouse takes names as XML elements, so only
// identifiers are possible.
func (a Access) validate() error {
	var problems []error
	profiles, quotas := []string{defaultName}, []string{defaultName}
	check := func(kind, name string, seen *[]string) {
		if !nameForm.MatchString(name) {
			problems = append(problems, fmt.Errorf("%s %q: the name is not an identifier", kind, name))
		} else if slices.Contains(*seen, name) && name != defaultName {
			problems = append(problems, fmt.Errorf("%s %q: given twice", kind, name))
		}
		*seen = append(*seen, name)
	}
	for _, p := range a.Profiles {
		check("profile", p.Name, &profiles)
	}
	for _, q := range a.Quotas {
		check("quota", q.Name, &quotas)
		if q.Interval < time.Second {
			problems = append(problems, fmt.Errorf("quota %q: the interval is below a second", q.Name))
		}
	}
	var users []string
	for _, u := range a.Users {
		check("user", u.Name, &users)
		if u.Name == defaultName {
			problems = append(problems, errors.New(`user "default": the server starts as it, so it cannot be configured`))
		}
		if u.Profile != "" && !slices.Contains(profiles, u.Profile) {
			problems = append(problems, fmt.Errorf("user %q: profile %q is not configured", u.Name, u.Profile))
		}
		if u.Quota != "" && !slices.Contains(quotas, u.Quota) {
			problems = append(problems, fmt.Errorf("user %q: quota %q is not configured", u.Name, u.Quota))
		}
	}
	return errors.Join(problems...)
}

//go:embed users.xml
var usersXML string

var usersTemplate = template.Must(template.New("users.xml").Funcs(template.FuncMap{
	"xml":    escape,
	"sha256": func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) },
	"grant":  withoutGrantee,
	"orDefault": func(s string) string {
		if s == "" {
			return defaultName
		}
		return s
	},
	"seconds": func(d time.Duration) int64 { return int64(d / time.Second) },
	"sorted":  func(m map[string]uint64) []string { return slices.Sorted(maps.Keys(m)) },
}).Parse(usersXML))

// render writes users.xml. A profile or quota called "default" replaces the one
// without settings.
func (a Access) render() ([]byte, error) {
	if !slices.ContainsFunc(a.Profiles, func(p Profile) bool { return p.Name == defaultName }) {
		a.Profiles = append(slices.Clone(a.Profiles), Profile{Name: defaultName})
	}
	if !slices.ContainsFunc(a.Quotas, func(q Quota) bool { return q.Name == defaultName }) {
		a.Quotas = append(slices.Clone(a.Quotas), Quota{Name: defaultName})
	}
	var b bytes.Buffer
	err := usersTemplate.Execute(&b, map[string]any{"Access": a})
	return b.Bytes(), err
}

// withoutGrantee turns a GRANT statement as it is run on a server into the form
// of users.xml, which names the user elsewhere.
func withoutGrantee(grant string) string {
	grant = strings.TrimSuffix(strings.TrimSpace(grant), ";")
	if at := grantee.FindStringIndex(grant); at != nil {
		grant = grant[:at[0]] + grant[at[1]:]
	}
	return grant
}

var grantee = regexp.MustCompile(`(?i)\s+TO\s+\S+`)

func escape(s string) (string, error) {
	var b strings.Builder
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}
