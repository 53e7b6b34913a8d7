package operate_test

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/console"
	"github.com/pianola/pianola/internal/console/auth"
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/operate"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/plans"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

var services testbed.Servers

func TestMain(m *testing.M) { os.Exit(services.Run(m)) }

//go:embed testdata/world.sql
var worldSQL string

// site is a console over a database of its own.
type site struct {
	*testbed.Fixture
	url     string
	client  *http.Client
	figures *figures.Reader
}

// newSite serves the pages of operation until the test ends.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Fixture: services.Fixture(t, testbed.Config{Protocol: "native", State: true})}
	reader, err := figures.New(s.Analyst, time.Now)
	s.Must(err)
	s.figures = reader
	book := plans.NewBook(time.Now, zap.NewNop(), reader.Renew)
	server, err := console.Listen(t.Context(), console.Config{Listen: "127.0.0.1:0", Rate: 1000}, console.Deps{
		Figures: reader,
		Auth: &auth.Header{
			User: "X-User", Groups: "X-Groups", Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			Mapping: role.Mapping{"ops": {role.Ops, role.Viewer}, "viewers": {role.Viewer}},
		},
		Sections: []page.Section{operate.New(operate.Deps{
			Offsets: func(context.Context) (*offsets.Report, error) {
				return &offsets.Report{Partitions: []offsets.Partition{
					{Topic: "<script>canary()</script>", LogEnd: 9, Lag: 2}, {Topic: "slow", Partition: 1, LogEnd: 30000, Lag: 20000}, {Topic: "held", Partition: 2, OpenTransaction: 4},
				}}, nil
			},
			Settings: []config.Entry{},
			Letters:  letters.New(s.Analyst, s.Topic),
			Redrive:  s.redrive,
			Plans:    book,
			Jobs:     job.NewStore(job.Deps{Conn: s.Analyst, Database: s.Topic, Instance: "console", Heartbeat: job.DefaultHeartbeat, Now: time.Now, Log: zap.NewNop()}),
			Log:      operate.ActionsLog{Conn: s.Analyst, Tables: schemas.Options{Database: s.Topic}, Instance: "console", Now: time.Now},
			Now:      time.Now,
		})},
		Now: time.Now, Log: zap.NewNop(),
	})
	s.Must(err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- server.Run(ctx) }()
	go func() { ended <- book.Run(ctx) }()
	s.url = "http://" + server.Addr().String()
	transport := &http.Transport{}
	s.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

// redrive is what the command connects, without the list of erased people.
func (s *site) redrive(ctx context.Context, report progress.Func, do func(context.Context, *deadletters.Redriver) error) error {
	rules, err := transform.New(s.Settings.TransformConfig())
	if err != nil {
		return err
	}
	writer, err := sink.Open(ctx, s.Settings.SinkConfig(), zap.NewNop(), sink.Hooks{})
	if err != nil {
		return err
	}
	defer func() { _ = writer.Close() }() // every statement is complete
	return do(ctx, deadletters.New(deadletters.Deps{
		Kafka: s.Settings.ConsumerConfig(), Timeout: 20 * time.Second, Rules: rules, Writer: writer,
		Conn: s.Analyst, Database: s.Topic, Now: time.Now, Log: zap.NewNop(), Progress: report,
	}))
}

// fill writes testdata/world.sql.
func (s *site) fill() {
	s.Helper()
	comments := regexp.MustCompile(`(?m)^--.*$`)
	for statement := range strings.SplitSeq(comments.ReplaceAllString(worldSQL, ""), ";\n") {
		if strings.TrimSpace(statement) != "" {
			s.Must(s.Analyst.Exec(s.Context(), statement))
		}
	}
}

// answer is a page as it arrived.
type answer struct {
	status   int
	body     string
	location string
}

// get opens a page as a person of the group.
func (s *site) get(group, path string) answer {
	return s.send(group, http.MethodGet, path, nil, "")
}

// post sends a form. site is what a browser says about the page that sends it.
func (s *site) post(group, path string, form url.Values) answer {
	return s.send(group, http.MethodPost, path, form, "same-origin")
}

func (s *site) send(group, method, path string, form url.Values, fetchSite string) answer {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(form.Encode()))
	s.Must(err)
	request.Header.Set("X-User", "somebody@example.com")
	request.Header.Set("X-Groups", group)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Sec-Fetch-Site", fetchSite)
	}
	response, err := s.client.Do(request)
	s.Must(err)
	defer func() { _ = response.Body.Close() }() // it was read
	body, err := io.ReadAll(response.Body)
	s.Must(err)
	return answer{response.StatusCode, string(body), response.Header.Get("Location")}
}

// count is the number of rows of a query's only value.
func (s *site) count(sql string) (n uint64) {
	s.Helper()
	s.Must(s.Analyst.QueryRow(s.Context(), sql).Scan(&n))
	return n
}

// table is the text of the table of a panel, a line a row.
func (a answer) table(id string) string {
	_, rest, found := strings.Cut(a.body, `<table id="table-`+id+`">`)
	if !found {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "</table>")
	rest = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSuffix(strings.TrimSpace(rest), "</tbody>"), "\n", ""), "</tr>", "\n")
	return strings.TrimSpace(regexp.MustCompile(`(<[^>]*>)+`).ReplaceAllString(rest, "|"))
}

// planReady waits until the plan at an address waits for a confirmation, or has ended.
func (s *site) planReady(address string) answer {
	s.Helper()
	var last answer
	s.Must(testbed.Await(s.Context(), "the plan", func() (bool, error) {
		if last = s.get("ops", address); last.status != http.StatusOK {
			return false, fmt.Errorf("status %d", last.status)
		}
		return !strings.Contains(last.body, "Look again"), nil
	}))
	return last
}
