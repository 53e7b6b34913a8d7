package login

import (
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/authority"
	"github.com/pianola/pianola/internal/trial/harness"
)

func TestSecrets_are_found_and_not_repeated(t *testing.T) {
	ca, err := authority.New("example authority")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Issue(authority.Server())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(certificate.Key), "\n")
	for name, text := range map[string]func(password string) string{
		"a password":          func(p string) string { return `{"msg":"logged in","password":"` + p + `"}` },
		"a line of a key":     func(string) string { return "cannot read " + lines[1] },
		"the bytes of a salt": func(string) string { return "s=YS1zYWx0LW9mLWEtdGVzdA==,i=4096" },
	} {
		t.Run(name, func(t *testing.T) {
			s := &secrets{}
			password := s.password()
			s.key(certificate.Key)
			s.bytes([]byte("a-salt-of-a-test"))
			s.search("the log", `{"msg":"no secret","password":"***"}`)
			if err := s.found(); err != nil {
				t.Fatal(err)
			}
			s.search("the log", text(password))
			err := s.found()
			if err == nil || !strings.Contains(err.Error(), "the log") || strings.Contains(err.Error(), password) || strings.Contains(err.Error(), lines[1]) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestComplaints_has shows that earlier complaints do not count, and that all texts have to
// be on one line.
func TestComplaints_has(t *testing.T) {
	c, p := &complaints{}, &harness.Process{}
	c.add(p, `{"level":"warn","msg":"check kafka.tls"}`)
	before := c.count(p)
	c.add(p, `{"level":"info","msg":"kafka.tls"}`)
	c.add(p, `{"level":"warn","msg":"clickhouse.user"}`)
	c.add(p, "pianola: clickhouse.password")
	if c.has(p, before, []string{"kafka.tls"}) || c.has(p, before, []string{"clickhouse.user", "clickhouse.password"}) {
		t.Error("a line counts that is not a complaint, is an earlier one, or has one text only")
	}
	if !c.has(p, 0, []string{"kafka.tls"}) || !c.has(p, before, []string{"clickhouse.password"}) {
		t.Error("a complaint was not found")
	}
}
