package rows

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/pianola/pianola/transform"
)

const benchRows = 20_000

// benchRow has the columns that a normalised export has.
type benchRow struct {
	SubscriptionID     string    `parquet:"subscription_id"`
	UserID             string    `parquet:"user_id"`
	EventTimestamp     time.Time `parquet:"event_timestamp,timestamp(millisecond)"`
	SubscriptionAction string    `parquet:"subscription_action,dict"`
	EventName          string    `parquet:"event_name,dict"`
	ResourceName       string    `parquet:"resource_name,dict"`
	NextBilledAt       time.Time `parquet:"next_billed_at,timestamp(millisecond)"`
	BillingPeriod      string    `parquet:"billing_period,dict"`
	TermType           string    `parquet:"term_type,dict"`
	TermName           string    `parquet:"term_name,dict"`
	TransactionValue   float64   `parquet:"transaction_value"`
	BillingCountryCode string    `parquet:"billing_country_code,dict"`
	PeriodNumber       int32     `parquet:"subscription_period_number"`
	PaymentMode        string    `parquet:"payment_mode,dict"`
	EmailHash          string    `parquet:"user_email_hash_sha256"`
	IsInternalUser     bool      `parquet:"is_internal_user"`
	ExperienceName     string    `parquet:"experience_name,dict"`
}

// benchFiles are the same rows in each format.
func benchFiles(b *testing.B) map[Format][]byte {
	b.Helper()
	files := map[Format][]byte{}
	var parquetFile, csvFile, lines bytes.Buffer
	p := parquet.NewGenericWriter[benchRow](&parquetFile, parquet.Compression(&parquet.Snappy), parquet.PageBufferSize(1<<20))
	c := csv.NewWriter(&csvFile)
	if err := c.Write([]string{"subscription_id", "user_id", "event_timestamp", "subscription_action", "event_name", "resource_name", "next_billed_at",
		"billing_period", "term_type", "term_name", "transaction_value", "billing_country_code", "subscription_period_number", "payment_mode", "user_email_hash_sha256", "is_internal_user", "experience_name"}); err != nil {
		b.Fatal(err)
	}
	begin := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range benchRows {
		id := time.Duration(i * 7919).String()
		at := begin.Add(time.Duration(i) * 17 * time.Second)
		r := benchRow{"RC" + id, "PNI" + id, at, "Renewed", "subscription_renewed", "Premium access", at.AddDate(0, 1, 0), "1 month", "payment", "Monthly, 99 kr",
			99.5, "NO", int32(i % 40), "Visa", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8" + string(rune('a'+i%6)) + "1", false, "Spring campaign"}
		if _, err := p.Write([]benchRow{r}); err != nil {
			b.Fatal(err)
		}
		if err := c.Write([]string{r.SubscriptionID, r.UserID, r.EventTimestamp.Format(time.RFC3339), r.SubscriptionAction, r.EventName, r.ResourceName, r.NextBilledAt.Format(time.RFC3339),
			r.BillingPeriod, r.TermType, r.TermName, "99.5", r.BillingCountryCode, "7", r.PaymentMode, r.EmailHash, "false", r.ExperienceName}); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		b.Fatal(err)
	}
	c.Flush()
	files[Parquet], files[CSVFile] = parquetFile.Bytes(), csvFile.Bytes()
	r := openBench(b, CSVFile, files[CSVFile])
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		lines.Write(m)
		lines.WriteByte('\n')
	}
	files[NDJSON] = lines.Bytes()
	return files
}

func openBench(b *testing.B, format Format, content []byte) (r Reader) {
	b.Helper()
	limits := Limits{Message: 1 << 20}
	var err error
	switch format {
	case NDJSON:
		r = NewNDJSON(bytes.NewReader(content), limits)
	case CSVFile:
		r, err = OpenCSV(bytes.NewReader(content), comma, NewNames(nil), limits)
	case Parquet:
		r, err = OpenParquet(File{Context: b.Context(), Reader: bytes.NewReader(content), Size: int64(len(content)), ReadAhead: 128 << 10, Memory: NewPageMemory(64<<20, 1)}, NewNames(nil), limits)
	}
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// BenchmarkRows is what a row costs: to become a message, and with the stages.
func BenchmarkRows(b *testing.B) {
	files := benchFiles(b)
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		b.Fatal(err)
	}
	worker := rules.NewWorker()
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	for _, format := range Formats() {
		for name, use := range map[string]func([]byte){
			"read":  func([]byte) {},
			"apply": func(m []byte) { worker.Apply(m, now) },
		} {
			b.Run(string(format)+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(files[format]) / benchRows))
				b.ReportAllocs()
				r := openBench(b, format, files[format])
				for b.Loop() {
					m, err := r.Next()
					if errors.Is(err, io.EOF) {
						r.Close()
						r = openBench(b, format, files[format])
						continue
					}
					if err != nil {
						b.Fatal(err)
					}
					use(m)
				}
				r.Close()
			})
		}
	}
}
