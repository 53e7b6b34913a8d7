package trial

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

// verdict is what a round has come to.
type verdict struct {
	lost    int // rows of the truth that a table or view does not have
	doubled int // rows that the view shows of an event beyond the first
	wrong   int // rows that differ, or that the truth does not know
	found   int // findings of the audit

	readAgain int64  // offsets: harmless, and the trace of what was tried
	account   string // of all that is wrong; empty when nothing is
}

// maxFindings is how many findings of the audit are told.
const maxFindings = 20

// judge holds tables and views against the truth and audits the delivery.
func (r *round) judge(ctx context.Context) (verdict, error) {
	var v verdict
	report, err := r.truth.Compare(ctx, r.conn)
	if err != nil {
		return v, err
	}
	v.readAgain = report.ReadAgain
	for _, check := range report.Checks {
		v.lost += check.Missing
		v.wrong += check.Unexpected + check.Different
	}
	var doubled int64
	// What an event is, by contract §2; asked of the view as a reader sees it, and
	// without any opinion about what should be there.
	err = r.conn.QueryRow(ctx, `SELECT count() - uniqExact(subscription_id, event_timestamp, subscription_action)
FROM piano_subscriber_event_stream`).Scan(&doubled)
	if err != nil {
		return v, fmt.Errorf("count doubled events: %w", err)
	}
	v.doubled = int(doubled)
	findings, err := r.audit(ctx)
	if err != nil {
		return v, err
	}
	v.found = len(findings)
	if v.lost+v.doubled+v.wrong+v.found == 0 && report.Equal() {
		return v, nil
	}
	account := []string{report.String()}
	for i, f := range findings {
		if i == maxFindings {
			account = append(account, fmt.Sprintf("audit: and %d more", len(findings)-i))
			break
		}
		account = append(account, fmt.Sprintf("audit: %s: %s", f.Kind, f.Text))
	}
	v.account = strings.Join(account, "\n")
	return v, nil
}

func (r *round) audit(ctx context.Context) ([]audit.Finding, error) {
	rules, err := transform.New(r.cfg.TransformConfig())
	if err != nil {
		return nil, err
	}
	source, err := consumer.New(r.cfg.ConsumerConfig(), zap.NewNop(), consumer.Hooks{})
	if err != nil {
		return nil, err
	}
	defer source.Close()
	report, err := audit.New(audit.Parts{
		Kafka: source, Group: r.cfg.Kafka.Group, Isolation: consumer.Isolation(r.cfg.Kafka.Isolation),
		Conn: r.conn, Database: r.cfg.ClickHouse.Database, Rules: rules, Now: time.Now, Log: zap.NewNop(),
	}).Run(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return report.Findings, nil
}
