package conversion

import (
	"context"
	_ "embed"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

var (
	//go:embed queries/lives.sql
	livesSQL string
	//go:embed queries/promotions.sql
	promotionsSQL string
	//go:embed queries/full_price.sql
	fullPriceSQL string
	//go:embed queries/retention.sql
	retentionSQL string
)

// Report is the outcome of redeemed codes.
type Report struct {
	AsOf       time.Time   `json:"as_of"`         // of the state of subscriptions
	CodesRead  *time.Time  `json:"codes_read_at"` // when conversions were read from Piano; nil for never
	TraitsAsOf *time.Time  `json:"traits_as_of"`  // of the latest file of traits; nil without one
	Promotions []Promotion `json:"promotions"`
	// FullPrice is the lives without a code that began at the full price.
	FullPrice []FullPrice `json:"full_price"`
}

// Promotion is the lives with codes of a promotion, in one currency. Amounts of two
// currencies must not be added.
type Promotion struct {
	ID        string `json:"promotion_id"` // empty where only the code is known
	Name      string `json:"name"`
	Code      string `json:"code"` // of a promotion with one code for all
	Prefix    string `json:"code_prefix"`
	Currency  string `json:"currency"`
	RuleKnown bool   `json:"rule_known"` // false: the discount is taken to be of the first period

	Lives    uint64 `json:"lives"`
	InPiano  uint64 `json:"in_piano"`
	InTraits uint64 `json:"in_traits"`
	Redeemed uint64 `json:"redeemed"`
	Reserved uint64 `json:"reserved"`
	Released uint64 `json:"released"`

	// Of the redeemed: Due + NotYetDue + WithoutStepUp. The last have a discount for good, or
	// a period that nobody knows.
	Due           uint64   `json:"due"`
	NotYetDue     uint64   `json:"not_yet_due"`
	WithoutStepUp uint64   `json:"without_step_up"`
	FullPrice     uint64   `json:"full_price"`               // of the due, charged the list price after the first period
	Rate          *float64 `json:"campaign_conversion_rate"` // FullPrice / Due
	Reached       uint64   `json:"reached_step_up"`          // of the due, alive until the step-up
	Lost          uint64   `json:"lost_at_step_up"`          // of these, never charged the list price
	StepUpLoss    *float64 `json:"step_up_loss"`             // Lost / Reached

	DiscountKnown uint64  `json:"first_discount_by_piano"` // first discounts that Piano states; the others are list price − first charge
	FirstDiscount float64 `json:"first_discount"`
	Discount      float64 `json:"discount"` // list price − charge of all charges since; an estimate where the list price has changed
	Charged       float64 `json:"charged"`
	Refunded      float64 `json:"refunded"`
	WithRefund    uint64  `json:"with_refund"` // lives
	Retention     []Alive `json:"retention"`
}

// FullPrice is the lives that began at the full price, in one currency.
type FullPrice struct {
	Currency  string  `json:"currency"`
	Lives     uint64  `json:"lives"`
	Retention []Alive `json:"retention"`
}

// Alive is how many lives were alive some months after the first charge, of those that began
// so long ago.
type Alive struct {
	Months uint64   `json:"months"`
	Due    uint64   `json:"due"`
	Alive  uint64   `json:"alive"`
	Rate   *float64 `json:"rate"`
}

// retentionMonths are the ages of Alive.
var retentionMonths = []uint64{1, 3, 6, 12}

// Report reads the figures.
func (r Reader) Report(ctx context.Context) (*Report, error) {
	asOf, err := segment.Segments{Store: r.Store, Now: r.Now}.StateTime(ctx)
	if err != nil {
		return nil, err
	}
	report := &Report{AsOf: asOf}
	parameters := clickhouse.Parameters{"at": statement.Instant(asOf), "months": "[1,3,6,12]", "from": "1970-01-01 00:00:00", "to": "2106-01-01 00:00:00"}
	report.Promotions, err = store.Read(ctx, r.Store, "report the promotions", r.query("IN", promotionsSQL), parameters, func(row driver.Rows, p *Promotion) error {
		var due, alive []uint64
		err := row.Scan(&p.ID, &p.Name, &p.Code, &p.Prefix, &p.Currency, &p.RuleKnown, &p.Lives, &p.InPiano, &p.InTraits, &p.Redeemed, &p.Reserved, &p.Released,
			&p.Due, &p.NotYetDue, &p.WithoutStepUp, &p.FullPrice, &p.Reached, &p.Lost, &p.DiscountKnown, &p.FirstDiscount, &p.Discount, &p.Charged, &p.Refunded, &p.WithRefund, &due, &alive)
		p.Rate, p.StepUpLoss, p.Retention = rate(p.FullPrice, p.Due), rate(p.Lost, p.Reached), retention(due, alive)
		return err
	})
	if err != nil {
		return nil, err
	}
	report.FullPrice, err = store.Read(ctx, r.Store, "report the lives at the full price", r.query("NOT IN", fullPriceSQL), parameters, func(row driver.Rows, f *FullPrice) error {
		var due, alive []uint64
		err := row.Scan(&f.Currency, &f.Lives, &due, &alive)
		f.Retention = retention(due, alive)
		return err
	})
	if err != nil {
		return nil, err
	}
	report.CodesRead, report.TraitsAsOf, err = r.sources(ctx)
	return report, err
}

// query is a query of the report with the names of tables. withCode is IN for the lives with a
// code, and NOT IN for the others.
func (r Reader) query(withCode, rest string) string {
	return strings.NewReplacer("WITH_CODE", withCode,
		"SUBSCRIPTIONS", r.Tables.Table(schemas.StateTable), "INTERNAL", schemas.InternalQuery(r.Tables), "TRAITS", r.Tables.Table("subscription_traits"),
		"CONVERSIONS", r.Tables.Table("promo_conversions"), "RULES", r.Tables.Table("promotion_rules"), "RETENTION", strings.TrimRight(retentionSQL, "\n"),
	).Replace("WITH RECURSIVE\n" + strings.TrimRight(livesSQL, "\n") + ",\n" + rest + "\nSETTINGS join_use_nulls = 0, enable_analyzer = 1, max_bytes_before_external_group_by = 1000000000")
}

// Queries are the queries of the report for pages. Their parameters are from and to (of the
// redemptions, and of the first charges at the full price) and months (the ages of the
// retention).
type Queries struct {
	// Promotions has a row for each promotion and currency, with the columns of Promotion.
	Promotions string
	// Retention has a row for each currency and age: how many lives are that old, and how many
	// of them are still there, with a code and at the full price.
	Retention string
}

// Queries are those over the tables of the reader.
func (r Reader) Queries() Queries {
	// The moment of the report is part of the query, so that one text serves every request.
	now := strings.NewReplacer("{at:DateTime64(3, 'UTC')}", "("+schemas.StateCompleteTo(r.Tables)+")")
	return Queries{
		Promotions: now.Replace(`SELECT if(name != '', name, if(shown_code != '', shown_code, id)) AS promotion, id AS promotion_id, money AS currency,
  lives, redeemed_lives AS redeemed, reserved_lives AS reserved, released_lives AS released, due_lives AS due, not_due_lives AS not_yet_due, without_step_up,
  full_price_lives AS full_price, due_lives - full_price_lives AS no_full_price, round(100 * full_price_lives / nullIf(due_lives, 0), 1) AS conversion_percent,
  reached_lives AS reached_step_up, lost_lives AS lost_at_step_up, reached_lives - lost_lives AS kept_at_step_up, round(100 * lost_lives / nullIf(reached_lives, 0), 1) AS step_up_loss_percent,
  round(first_discount, 2) AS first_discount_given, round(discount, 2) AS discount_given, round(charged, 2) AS charged_amount, round(refunded, 2) AS refunded_amount, with_refund AS lives_with_refund, known AS rule_known
FROM
(
` + r.query("IN", promotionsSQL) + `
)
ORDER BY redeemed DESC, promotion, currency`),
		Retention: now.Replace(`SELECT c.money AS currency, c.month AS month, c.due AS due_with_code, c.alive AS alive_with_code, round(100 * c.alive / nullIf(c.due, 0), 1) AS with_code_percent,
  f.due AS due_full_price, f.alive AS alive_full_price, round(100 * f.alive / nullIf(f.due, 0), 1) AS full_price_percent
FROM
(
  SELECT money, row_month AS month, sum(row_due) AS due, sum(row_alive) AS alive
  FROM (` + r.query("IN", promotionsSQL) + `)
  ARRAY JOIN {months:Array(UInt16)} AS row_month, retention_due AS row_due, retained AS row_alive
  GROUP BY money, month
) AS c
LEFT JOIN
(
  SELECT money, row_month AS month, row_due AS due, row_alive AS alive
  FROM (` + r.query("NOT IN", fullPriceSQL) + `)
  ARRAY JOIN {months:Array(UInt16)} AS row_month, retention_due AS row_due, retained AS row_alive
) AS f ON c.money = f.money AND c.month = f.month
ORDER BY currency, month`),
	}
}

// sources are the times of what the report reads beside the state.
func (r Reader) sources(ctx context.Context) (codes, traits *time.Time, err error) {
	type times struct{ codes, traits time.Time }
	rows, err := store.Read(ctx, r.Store, "read the times of the sources", "SELECT (SELECT max(read_at) FROM "+r.Tables.Table("promo_conversions")+" WHERE conversion_id = ''), (SELECT max(as_of) FROM "+r.Tables.Table("snapshot_runs")+
		" FINAL WHERE state = 'complete' AND source = 'csv')", nil, func(row driver.Rows, t *times) error { return row.Scan(&t.codes, &t.traits) })
	if err != nil || len(rows) == 0 {
		return nil, nil, err
	}
	known := func(at time.Time) *time.Time {
		if at.Unix() <= 0 {
			return nil
		}
		at = at.UTC()
		return &at
	}
	return known(rows[0].codes), known(rows[0].traits), nil
}

// rate is nil of nobody.
func rate(part, whole uint64) *float64 {
	if whole == 0 {
		return nil
	}
	share := float64(part) / float64(whole)
	return &share
}

func retention(due, alive []uint64) []Alive {
	all := make([]Alive, 0, len(retentionMonths))
	for i, m := range retentionMonths {
		if i < len(due) && i < len(alive) {
			all = append(all, Alive{Months: m, Due: due[i], Alive: alive[i], Rate: rate(alive[i], due[i])})
		}
	}
	return all
}
