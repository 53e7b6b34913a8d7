package harness

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/audit"
	"github.com/pianola/pianola/transform"
)

// comparison is how the tables differ from the truth.
type comparison struct {
	lost     int // rows of the truth that a table or view lacks.
	doubled  int // rows of the view for an event beyond the first.
	wrong    int // rows that differ or are not in the truth.
	findings int // of the audit.

	readAgain int64  // offsets: harmless, and the trace of what was tried
	account   string // of all that is wrong; empty when nothing is
}

// maxFindings is how many findings of the audit are listed.
const maxFindings = 20

// compare compares tables and views with the truth, and audits the delivery.
func (r *Round) compare(ctx context.Context) (comparison, error) {
	var c comparison
	report, err := r.truth.Compare(ctx, r.Conn)
	if err != nil {
		return c, err
	}
	c.readAgain = report.ReadAgain
	for _, check := range report.Checks {
		c.lost += check.Missing
		c.wrong += check.Unexpected + check.Different
	}
	var doubled int64
	// What an event is, by contract §2. The query needs no knowledge of the truth.
	err = r.Conn.QueryRow(ctx, `SELECT count() - uniqExact(subscription_id, event_timestamp, subscription_action)
FROM piano_subscriber_event_stream`).Scan(&doubled)
	if err != nil {
		return c, fmt.Errorf("count doubled events: %w", err)
	}
	c.doubled = int(doubled)
	findings, err := r.audit(ctx)
	if err != nil {
		return c, err
	}
	c.findings = len(findings)
	if c.lost+c.doubled+c.wrong+c.findings == 0 && report.Equal() {
		return c, nil
	}
	account := []string{report.String()}
	for i, f := range findings {
		if i == maxFindings {
			account = append(account, fmt.Sprintf("audit: and %d more", len(findings)-i))
			break
		}
		account = append(account, fmt.Sprintf("audit: %s: %s", f.Kind, f.Text))
	}
	c.account = strings.Join(account, "\n")
	return c, nil
}

func (r *Round) audit(ctx context.Context) ([]audit.Finding, error) {
	rules, err := transform.New(r.Config.TransformConfig())
	if err != nil {
		return nil, err
	}
	source, err := consumer.New(r.Config.ConsumerConfig(), zap.NewNop(), consumer.Hooks{})
	if err != nil {
		return nil, err
	}
	defer source.Close()
	report, err := audit.New(audit.Deps{
		Kafka: source, Group: r.Config.Kafka.Group, Isolation: consumer.Isolation(r.Config.Kafka.Isolation),
		Conn: r.Conn, Database: r.Config.ClickHouse.Database, Rules: rules, Now: time.Now, Log: zap.NewNop(),
	}).Run(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return report.Findings, nil
}
