package login

import (
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/authority"
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

func TestComplains_all_texts_have_to_be_on_one_line(t *testing.T) {
	lines := []string{`{"level":"warn","msg":"check kafka.tls"}`, `{"level":"warn","msg":"clickhouse.user"}`, "pianola: clickhouse.password"}
	if complains(lines[1:], []string{"kafka.tls"}) || complains(lines, []string{"clickhouse.user", "clickhouse.password"}) {
		t.Error("a complaint was found that is not on one of the lines")
	}
	if !complains(lines, []string{"kafka.tls"}) || !complains(lines, []string{"check", "kafka.tls"}) {
		t.Error("a complaint was not found")
	}
}
