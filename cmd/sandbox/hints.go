package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox"
)

// connect prints the addresses of all servers.
func connect(o options, s *sandbox.Services, p *publisher, i *instance, out io.Writer) {
	native, http := s.ClickHouse.NativeAddr(), s.ClickHouse.HTTPAddr()
	fmt.Fprint(out, "\nWhere to connect\n\n")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if i != nil {
		fmt.Fprintf(table, "  ClickHouse, HTTP\tcurl 'http://%s/?database=%s' --data-binary 'SELECT count() FROM piano_subscriber_event_stream'\n", http, database)
		fmt.Fprintf(table, "  ClickHouse, native\t%s, database %s\n", native, database)
	} else { // there is no schema yet
		fmt.Fprintf(table, "  ClickHouse, HTTP\tcurl 'http://%s/' --data-binary 'SELECT version()'\n", http)
		fmt.Fprintf(table, "  ClickHouse, native\t%s\n", native)
	}
	fmt.Fprintf(table, "  ClickHouse, login\tuser %s, password %s; user default has no password and may only read\n", sandbox.User, s.Password)
	fmt.Fprintf(table, "  ClickHouse, pages\thttp://%s/play and http://%s/dashboard\n", http, http)
	fmt.Fprintf(table, "  Kafka\t%s, topic %s, %d partitions\n", s.Kafka.Addr(), topic, o.partitions)
	if p != nil {
		fmt.Fprintf(table, "  Piano's API\t%s, aid %s, api_token %s\n", p.api.BaseURL(), p.api.AID(), p.api.Token())
		fmt.Fprintf(table, "  Piano's exports\t%s, with the same login\n", p.api.ReportsURL())
		fmt.Fprintf(table, "  a page with promo codes\thttp://%s/\n", p.shop.Addr())
	}
	if i != nil {
		fmt.Fprintf(table, "  Pianola's console\t%s\n", i.console.hint(s))
		fmt.Fprintf(table, "  Pianola\thttp://%s/metrics, http://%[1]s/livez, http://%[1]s/readyz\n", i.service.Addr())
	}
	_ = table.Flush()
}

// commands prints the commands of Pianola for these services, and the file with the
// settings that they need: with other internal users a deep audit reports differences.
// http is ClickHouse's address for curl. consumes is false when the sandbox already runs
// Pianola.
func commands(cfg config.Config, http string, withPiano, consumes bool, out io.Writer) {
	fmt.Fprintf(out, `
To use Pianola with these services, in another terminal:

cat > pianola.yaml <<'END'
%sEND
`, settingsFile(cfg, withPiano))
	if consumes {
		fmt.Fprintf(out, `go run ./cmd/pianola migrate --config pianola.yaml
go run ./cmd/pianola run --config pianola.yaml --log.format console
go run ./cmd/pianola console --config pianola.yaml
curl 'http://%s/?database=%s' --data-binary 'SELECT count() FROM piano_subscriber_event_stream'
`, http, database)
	}
	fmt.Fprint(out, "go run ./cmd/pianola audit --deep --config pianola.yaml\n")
	if withPiano {
		fmt.Fprint(out, "go run ./cmd/pianola reconcile --config pianola.yaml\n")
	}
}

// settingsFile is a pianola.yaml with all settings that differ from the defaults.
func settingsFile(cfg config.Config, withPiano bool) string {
	var b strings.Builder
	list := func(values []string) string {
		quoted := make([]string, len(values))
		for i, value := range values {
			quoted[i] = fmt.Sprintf("%q", value)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	fmt.Fprintf(&b, `kafka:
  brokers: %s
  topics: %s
clickhouse:
  addr: %s
  protocol: %s
  database: %s
  user: %s
  password: %q
export:
  clickhouse_addr: %s
`, list(cfg.Kafka.Brokers), list(cfg.Kafka.Topics), list(cfg.ClickHouse.Addr), cfg.ClickHouse.Protocol, cfg.ClickHouse.Database,
		cfg.ClickHouse.User, cfg.ClickHouse.Password.Reveal(), list(cfg.Export.ClickHouseAddr))
	if withPiano {
		fmt.Fprintf(&b, `transform:
  internal_user_ids: %s
  internal_email_domains: %s
piano:
  base_url: %s
  reports_url: %s
  aid: %q
  api_token: %q
  page_size: %d
  rate: %v
  retry: {initial: %v}
reconcile:
  interval: %v # run pianola reconcile instead
  settle: %v
`, list(cfg.Transform.InternalUserIDs), list(cfg.Transform.InternalEmailDomains), cfg.Piano.BaseURL, cfg.Piano.ReportsURL, cfg.Piano.AID,
			cfg.Piano.APIToken.Reveal(), cfg.Piano.PageSize, cfg.Piano.Rate, cfg.Piano.Retry.Initial, cfg.Reconcile.Interval, cfg.Reconcile.Settle)
	}
	return b.String()
}
