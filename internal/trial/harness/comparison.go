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

// maxFindings is how many findings of the audit are listed.
const maxFindings = 20

// compare adds to a result, which holds so far, how the round's tables and views differ from
// the truth, and what the audit of the delivery finds.
func (r *Round) compare(ctx context.Context, to *Result) error {
	report, err := r.truth.Compare(ctx, r.Conn)
	if err != nil {
		return err
	}
	to.ReadAgain += report.ReadAgain
	for _, check := range report.Checks {
		to.Lost += check.Missing
		to.Wrong += check.Unexpected + check.Different
	}
	var doubled int64
	// What an event is, by contract §2. The query needs no knowledge of the truth.
	err = r.Conn.QueryRow(ctx, `SELECT count() - uniqExact(subscription_id, event_timestamp, subscription_action)
FROM piano_subscriber_event_stream`).Scan(&doubled)
	if err != nil {
		return fmt.Errorf("count doubled events: %w", err)
	}
	to.Doubled += int(doubled)
	findings, err := r.audit(ctx)
	if err != nil {
		return err
	}
	to.Findings += len(findings)
	if to.Lost+to.Doubled+to.Wrong+to.Findings == 0 && report.Equal() {
		return nil
	}
	account := []string{fmt.Sprintf("seed %d:", r.Seed), report.String()}
	for i, f := range findings {
		if i == maxFindings {
			account = append(account, fmt.Sprintf("audit: and %d more", len(findings)-i))
			break
		}
		account = append(account, fmt.Sprintf("audit: %s: %s", f.Kind, f.Text))
	}
	to.Holds, to.Account = false, strings.Join(account, "\n")
	return nil
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
