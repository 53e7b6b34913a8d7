package trial

import (
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/authority"
)

func TestSecrets(t *testing.T) {
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
			s.search("the log", `{"msg":"nothing of it","password":"***"}`)
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

// TestJournal_complains shows that what was said before counts for nothing, and
// that texts have to be on one line.
func TestJournal_complains(t *testing.T) {
	j := &journal{generations: &generations{}, secrets: &secrets{}}
	say := func(line string) {
		if _, err := j.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	say(`{"level":"warn","msg":"check kafka.tls"}`)
	before := j.complained()
	say(`{"level":"info","msg":"kafka.tls"}`)
	say(`{"level":"warn","msg":"clickhouse.user"}`)
	say("pianola: clickhouse.password")
	if j.complains(before, []string{"kafka.tls"}) || j.complains(before, []string{"clickhouse.user", "clickhouse.password"}) {
		t.Error("a complaint was seen that is none")
	}
	if !j.complains(0, []string{"kafka.tls"}) || !j.complains(before, []string{"clickhouse.password"}) {
		t.Error("a complaint was not seen")
	}
}
