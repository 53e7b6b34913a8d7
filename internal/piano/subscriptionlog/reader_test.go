package subscriptionlog_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano/subscriptionlog"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/transform"
)

func rules(t testing.TB) *transform.Rules {
	t.Helper()
	config := transform.Defaults()
	config.InternalUserIDs = []string{"staff-1"}
	config.InternalEmailDomains = []string{"publisher.example"}
	r, err := transform.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func open(t testing.TB, content string) (*subscriptionlog.Reader, error) {
	t.Helper()
	return subscriptionlog.Open(strings.NewReader(content), int64(len(content)), rules(t))
}

// read gives all rows, and the error that is not the end.
func read(t testing.TB, content string) ([]subscriptionlog.Row, error) {
	t.Helper()
	r, err := open(t, content)
	if err != nil {
		return nil, err
	}
	var rows []subscriptionlog.Row
	for {
		row, err := r.Next()
		if err != nil {
			if _, again := r.Next(); !errors.Is(again, err) {
				t.Errorf("after %v: %v", err, again)
			}
			if closed := r.Close(); closed != nil {
				t.Error(closed)
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return rows, err
		}
		rows = append(rows, row)
	}
}

// record is a subscription by column name.
type record map[string]string

// written writes a file of the given columns; what a record does not have of the
// required ones is something that will do.
func written(t testing.TB, columns []string, records ...record) string {
	t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	lines := [][]string{columns}
	for i, r := range records {
		line := make([]string, len(columns))
		for j, c := range columns {
			value, given := r[c]
			if !given {
				value = map[string]string{"Subscription ID": fmt.Sprintf("S%d", i), "Subscription status": "Active"}[c]
			}
			line[j] = value
		}
		lines = append(lines, line)
	}
	if err := w.WriteAll(lines); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var required = []string{"Subscription ID", "Subscription status", "Start date", "User ID (UID)", "Term type"}

// everything is a record with all that is read, and more.
var everything = record{
	"Subscription ID": " RC1 ", "Create date": "2026-03-29 18:10:02 +0200", "Start date": "2026-03-29 18:10:01 +0200",
	"End date": "2027-03-29 00:00:00 +0100", "Days subscribed": "12", "Subscription status": "Active", "Upgrade status": "No upgrade",
	"Trial status": "No trial", "Trial period end date": "2026-04-01 00:00:00 UTC", "Auto-renew": "TRUE",
	"Auto-renew disablement date": "2026-04-02", "Billing period": "1 month", "Total charged": "6.0200",
	"Next billing date": "2026-04-29T18:09:22Z", "Renewed": "FALSE", "Currently in grace period": "false",
	"Grace period start date": "", "Grace period extended to": "9999-12-31", "User ID (UID)": "u1",
	"Access expiration date": "2028-03-30 01:59:59 +0200", "Resource ID (RID)": "R1", "Resource name": "Digital, daily",
	"Term ID": "T1", "Term name": "for kari@example.com only", "Term type": "Dynamic", "Template ID": "O1", "Template name": "New \"one\"",
	"Offer ID": "F1", "Offer name": "Summer\n2026", "Promo code": "ÆØÅ",
	"Regular price": "6.02005", "Charge count": "1",
	"User email": "canary@example.com", "First name": "Canary", "Phone": "555",
}

// all are everything's columns in an order of no meaning.
func all() []string {
	columns := make([]string, 0, len(everything))
	for c := range everything {
		columns = append(columns, c)
	}
	return columns
}

func TestReader_EveryColumn(t *testing.T) {
	content := written(t, all(), everything)
	rows, err := read(t, content)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	r := rows[0]
	at := func(p *time.Time) string {
		if p == nil {
			return ""
		}
		return p.Format(time.RFC3339Nano)
	}
	for name, c := range map[string]struct{ got, want string }{
		"id": {r.SubscriptionID, "RC1"}, "created": {at(r.CreatedAt), "2026-03-29T16:10:02Z"}, "started": {at(r.StartedAt), "2026-03-29T16:10:01Z"},
		"ended": {at(r.EndedAt), "2027-03-28T23:00:00Z"}, "days": {fmt.Sprint(*r.DaysSubscribed), "12"},
		"status as written": {r.SubscriptionStatus, "Active"}, "status": {r.Status, "active"}, "upgrade": {r.UpgradeStatus, "No upgrade"},
		"trial": {r.TrialStatus, "No trial"}, "trial end": {at(r.TrialPeriodEndedAt), "2026-04-01T00:00:00Z"},
		"autorenew": {fmt.Sprint(*r.AutoRenew), "true"}, "disabled": {at(r.AutoRenewDisabledAt), "2026-04-02T00:00:00Z"},
		"period": {r.BillingPeriod, "1 month"}, "charged": {r.TotalCharged.StringFixed(4), "6.0200"}, "next": {at(r.NextBilledAt), "2026-04-29T18:09:22Z"},
		"renewed": {r.Renewed, "FALSE"}, "grace": {fmt.Sprint(*r.InGracePeriod), "false"}, "grace start": {at(r.GracePeriodStartedAt), ""},
		"never": {at(r.GracePeriodExtendedTo), ""}, "user": {r.UserID, "u1"}, "access": {at(r.AccessExpiresAt), "2028-03-29T23:59:59Z"},
		"resource": {r.ResourceID + r.ResourceName, "R1Digital, daily"}, "term": {r.TermID, "T1"}, "type as written": {r.Traits.TermType, "Dynamic"},
		"type": {r.TermType, "dynamic"}, "template": {r.TemplateID + r.TemplateName, `O1New "one"`}, "offer": {r.OfferID + r.OfferName, "F1Summer\n2026"},
		"promo": {r.PromoCode, "ÆØÅ"}, "price": {r.RegularPrice.String(), "6.0201"}, "charges": {fmt.Sprint(*r.ChargeCount), "1"},
		"term name": {r.TermName, transform.Guard("for kari@example.com only")},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", name, c.got, c.want)
		}
	}
	if shown := fmt.Sprintf("%+v", r); strings.Contains(strings.ToLower(shown), "canary") || strings.Contains(shown, "@") {
		t.Errorf("something personal is kept: %s", shown)
	}
}

func TestReader_FormsOfAFile(t *testing.T) {
	plain := written(t, required, record{"Start date": "2026-01-01"}, record{"User ID (UID)": "u2"})
	zipped := func(names ...string) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, name := range names {
			m, err := z.Create(name)
			if err == nil && !strings.HasSuffix(name, "/") {
				_, err = io.WriteString(m, plain)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for name, content := range map[string]string{
		"plain": plain, "byte_order_mark": "\ufeff" + plain, "cr_lf": strings.ReplaceAll(plain, "\n", "\r\n"),
		"no_last_line_end": strings.TrimSuffix(plain, "\n"), "blank_lines": "\n" + strings.ReplaceAll(plain, "\n", "\n\n"),
		"zip": zipped("log.csv"), "zip_with_folders": zipped("a/", "a/log.csv", "__MACOSX/a/._log.csv"),
		"other_case":   strings.Replace(plain, "Subscription ID,Subscription status", " SUBSCRIPTION  id ,subscription_status", 1),
		"unknown_same": strings.NewReplacer("Term type\n", "Term type,X,X\n", "01,,\n", "01,,,1,2\n", "u2,\n", "u2,,,\n").Replace(plain),
	} {
		rows, err := read(t, content)
		if err != nil || len(rows) != 2 || rows[0].SubscriptionID != "S0" || rows[1].UserID != "u2" || rows[0].StartedAt == nil {
			t.Errorf("%s: %+v, %v", name, rows, err)
		}
	}
	file := filepath.Join(t.TempDir(), "log.zip")
	if err := os.WriteFile(file, []byte(zipped("log.csv")), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := subscriptionlog.OpenFile(file, rules(t))
	if err != nil {
		t.Fatal(err)
	}
	if row, err := r.Next(); err != nil || row.SubscriptionID != "S0" {
		t.Errorf("from a file: %+v, %v", row, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := subscriptionlog.OpenFile(filepath.Dir(file), rules(t)); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("a folder: %v", err)
	}
	for name, c := range map[string]struct{ content, want string }{
		"several":     {zipped("a.csv", "b.csv"), "several files"},
		"none":        {zipped("a/"), "without a file"},
		"cut_archive": {zipped("log.csv")[:100], "damaged zip"},
		"gzip":        {"\x1f\x8b\x08\x00", "gzip"},
	} {
		if _, err := read(t, c.content); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReader_Refuses(t *testing.T) {
	const canary = "kanarie"
	one := func(column, value string) string {
		return written(t, append(required, "End date", "Auto-renew", "Total charged", "Days subscribed", "First name"), record{}, record{column: value})
	}
	header := strings.Join(required, ",") + "\n"
	for name, c := range map[string]struct{ content, want string }{
		"empty":             {"", "subscription log: is empty"},
		"mark_only":         {"\ufeff", "subscription log: is empty"},
		"blank":             {"\n\n", "subscription log: is empty"},
		"header_only":       {header, "holds no subscription"},
		"missing_columns":   {"First name,Subscription ID," + canary + "\na,b,c\n", "line 1: columns are missing: Start date, Subscription status, User ID (UID), Term type"},
		"semicolons":        {strings.ReplaceAll(header, ",", ";"), "not separated by commas"},
		"duplicate":         {"subscription id," + header, "line 1, column Subscription ID: is there twice"},
		"duplicate_address": {"User email,user e-mail," + header, "column User email: is there twice"},
		"utf16":             {"\xff\xfeS\x00u\x00", "is UTF-16: save it as UTF-8"},
		"utf16_no_mark":     {"S\x00u\x00b\x00", "is UTF-16"},
		"latin1_header":     {"Pr\xe9nom," + header, "line 1, column number 1: is no UTF-8"},
		"latin1_value":      {one("Term type", canary+"\xe9"), "line 3, column Term type: is no UTF-8"},
		"latin1_dropped":    {one("First name", canary+"\xe9"), "line 3, column number 10: is no UTF-8"},
		"short_row":         {header + "S1,Active,," + canary + "\n", "line 2: has 4 fields, the header 5"},
		"long_row":          {header + "S1,Active,,,,,\n", "line 2: has 7 fields, the header 5"},
		"stray_quote":       {header + "S1,Active,,\"" + canary + "\"x,\n", "line 2, column User ID (UID): an unescaped quote"},
		"bare_quote":        {header + "S1,Act\"ive,,,\n", "line 2, column Subscription status: an unescaped quote"},
		"open_quote":        {header + "S1,Active,,u,p\nS2,\"Active,,u,p\n", "line 3, column Subscription status: an unescaped quote"},
		"endless_quote":     {header + "S1,Active,,u,p\nS2,\"Active,,u,p\n" + strings.Repeat("S3,Active,,u,p\n", 1<<17), "line 3: a record of more than 1024 KiB"},
		"no_id":             {one("Subscription ID", " "), "line 3, column Subscription ID: is empty"},
		"control_in_id":     {one("Subscription ID", canary+"\x07"), "column Subscription ID: has a control character"},
		"no_status":         {one("Subscription status", ""), "column Subscription status: is empty"},
		"instant":           {one("End date", "29/03/2026 "+canary), "line 3, column End date: no timestamp by the contract's notations"},
		"no_such_day":       {one("Start date", "2026-02-30 00:00:00 +0200"), "column Start date"},
		"flag":              {one("Auto-renew", canary), "line 3, column Auto-renew: want TRUE or FALSE"},
		"amount":            {one("Total charged", "€6 "+canary), "line 3, column Total charged: want an amount"},
		"amount_too_large":  {one("Total charged", "1e14"), "want an amount"},
		"amount_with_comma": {one("Total charged", "6,02"), "want an amount"},
		"count":             {one("Days subscribed", "1.5"), "column Days subscribed: want a whole number"},
		"day_number":        {one("End date", "46082.4166667"), "line 3, column End date: a spreadsheet's number of days, and no date: a spreadsheet has changed the file: export the log again"},
		"whole_day_number":  {one("Start date", "46082"), "line 3, column Start date: a spreadsheet's number of days"},
		"day_number_comma":  {one("Start date", "46082,5"), "column Start date: a spreadsheet's number of days"},
		"local_date":        {one("Start date", "3/29/26 18:10"), "column Start date: no timestamp by the contract's notations: if a spreadsheet has saved the file, export the log again"},
		"scientific_id":     {one("Subscription ID", "1.23457E+11"), "line 3, column Subscription ID: an id in scientific notation: a spreadsheet has changed the file: export the log again"},
		"scientific_comma":  {one("User ID (UID)", "1,2E+20"), "line 3, column User ID (UID): an id in scientific notation"},
		"decimal_id":        {one("User ID (UID)", "4711.0"), "column User ID (UID): an id with decimal places"},
		"formula_id":        {one("Subscription ID", `="RC1"`), "line 3, column Subscription ID: an id written as a spreadsheet formula or text mark"},
		"marked_id":         {one("Subscription ID", "'RC1"), "an id written as a spreadsheet formula or text mark"},
		"bare_formula_id":   {header + "S1,Active,,u,p\n=\"RC1\",Active,,u,p\n", "line 3, column Subscription ID: an unescaped quote: enclose a field with a quote in quotes, and double the quote; if a spreadsheet has saved the file, export the log again"},
		"narrow_column":     {one("Start date", "########"), "column Start date: no timestamp"},
		"error_value":       {one("Term type", "#NAME?"), "line 3, column Term type: an error value of a spreadsheet"},
		"formula_text":      {one("Term type", `="payment"`), "line 3, column Term type: a text written as a spreadsheet formula"},
		"rounded_ids": {written(t, required, record{"Subscription ID": "123456789012345000"}, record{"Subscription ID": "123456789012346000"}),
			"line 2, column Subscription ID: ids that end in zeros from the sixteenth digit on: they were rounded: a spreadsheet has changed the file"},
		"rounded_users": {written(t, required, record{}, record{"User ID (UID)": "12345678901234500000"}), "line 3, column User ID (UID): ids that end in zeros"},
		"contradiction": {header + "S1,Active,2026-01-01,u,p\nS2,Active,2026-01-01,u,p\nS1,Active,2026-01-02,u,p\n",
			"line 4, column Subscription ID: the subscription of line 2 again, with other values: export the log again"},
		"line_of_the_field": {header + "S1,\"Active\n\",\"\n" + canary + "\",u,p\n", "line 3, column Start date"},
	} {
		_, err := read(t, c.content)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		} else if strings.Contains(err.Error(), canary) || !errors.As(err, new(*subscriptionlog.Error)) {
			t.Errorf("%s: holds a value, or has another type: %v", name, err)
		}
	}
}

// What only resembles the damage of a spreadsheet is read.
func TestReader_TakesWhatNoSpreadsheetHasChanged(t *testing.T) {
	columns := append(required, "First name", "Term name", "Promo code")
	rows, err := read(t, written(t, columns,
		record{"Subscription ID": "RC12E5", "User ID (UID)": "1e5", "Start date": "1774800602", "Term name": "=SUM", "First name": "#NAME?"},
		record{"Subscription ID": "1234567890123450", "User ID (UID)": "12345678901234500000"}, // one of the users ends in zeros
		record{"Subscription ID": "1234567890123460", "User ID (UID)": "12345678901234567890"},
		record{"Subscription ID": "1234567890123470", "User ID (UID)": "12345678901234567890"},
		record{"Subscription ID": "1234567890123470", "User ID (UID)": "12345678901234567890", "First name": "another"})) // only a dropped column differs
	if err != nil || len(rows) != 5 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestReader_NothingIsNothing(t *testing.T) {
	columns := append(required, "End date", "Auto-renew", "Total charged", "Days subscribed")
	for _, blank := range []string{"", " ", "-", "N/A", "NULL", "null"} {
		rows, err := read(t, written(t, columns, record{"Start date": blank, "End date": blank, "Auto-renew": blank, "Total charged": blank, "Days subscribed": blank}))
		if err != nil || len(rows) != 1 {
			t.Fatalf("%q: %v", blank, err)
		}
		if r := rows[0]; r.StartedAt != nil || r.EndedAt != nil || r.AutoRenew != nil || r.TotalCharged != nil || r.DaysSubscribed != nil {
			t.Errorf("%q: %+v", blank, r)
		}
	}
}

func TestReader_Words(t *testing.T) {
	for _, c := range []struct {
		column, text, end, want string
		unknown                 bool
	}{
		{column: "Subscription status", text: "Active", want: "active"},
		{column: "Subscription status", text: "CANCELLED", want: "cancelled"},
		{column: "Subscription status", text: "Canceled", want: "cancelled"},
		{column: "Subscription status", text: "Won't renew", want: "active"},
		{column: "Subscription status", text: "Won’t renew", want: "active"},
		{column: "Subscription status", text: "Payment failure", want: "fail_and_retry"},
		{column: "Subscription status", text: "Payment Failed", end: "2026-01-01", want: "expired_with_error"},
		{column: "Subscription status", text: "Expired with error", want: "expired_with_error"},
		{column: "Subscription status", text: "Not started", want: "not_started"},
		{column: "Subscription status", text: "On  hold!", want: "on_hold", unknown: true},
		{column: "Term type", text: "Dynamic", want: "dynamic"},
		{column: "Term type", text: "External service", want: "external"},
		{column: "Term type", text: "IP range contract", want: "ip_range_contract"},
		{column: "Term type", text: "", want: ""},
		{column: "Term type", text: "Øre 2", want: "øre_2", unknown: true},
	} {
		r, err := open(t, written(t, append(required, "End date"), record{c.column: c.text, "End date": c.end}))
		if err != nil {
			t.Fatal(err)
		}
		row, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		got, counts := row.Status, r.Counts()
		count := counts.UnknownStatuses
		if c.column == "Term type" {
			got, count = row.TermType, counts.UnknownTermTypes
		}
		if got != c.want || (count == 1) != c.unknown || counts.Rows != 1 {
			t.Errorf("%s %q: got %q, %+v", c.column, c.text, got, counts)
		}
	}
}

func TestReader_InternalFilter(t *testing.T) {
	content := written(t, append(required, "User email"),
		record{"User ID (UID)": "staff-1"}, record{"User email": "a@Publisher.example"}, record{"User ID (UID)": "b@publisher.example"},
		record{"User ID (UID)": "u1", "User email": "c@example.com"}, record{"User ID (UID)": "d@example.com"})
	rows, err := read(t, content)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, true, true, false, false} {
		if rows[i].Internal != want {
			t.Errorf("row %d: %v", i, rows[i].Internal)
		}
		if strings.Contains(fmt.Sprintf("%+v", rows[i]), "@") {
			t.Errorf("row %d has an address", i)
		}
	}
}

func TestReader_RefusesABomb(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	m, err := z.Create("log.csv")
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 80 {
		if _, err := m.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, b.String()); err == nil || !strings.Contains(err.Error(), "far more than a log does") {
		t.Error(err)
	}
}

// repeated is a file of one header and the same line many times over.
type repeated struct {
	header, line string
}

func (f repeated) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		from := f.header[min(at, int64(len(f.header))):]
		if from == "" {
			from = f.line[(at-int64(len(f.header)))%int64(len(f.line)):]
		}
		copied := copy(p[n:], from)
		n, at = n+copied, at+int64(copied)
	}
	return n, nil
}

// live is what the heap holds that something points to.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestReader_MemoryDoesNotGrow(t *testing.T) {
	tier.Full(t, "reads a large file")
	const lines = 30_000
	text := written(t, all(), everything)
	// The header has no quotes in it.
	header, line, _ := strings.Cut(text, "\n")
	file := repeated{header + "\n", line}
	r, err := subscriptionlog.Open(file, int64(len(file.header)+lines*len(line)), rules(t))
	if err != nil {
		t.Fatal(err)
	}
	var before, most uint64
	for i := range lines {
		if _, err := r.Next(); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		if i == lines/10 {
			before = live()
		} else if i%(lines/4) == lines/4-1 {
			most = max(most, live())
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if most > before+4<<20 {
		t.Errorf("%d bytes live after a tenth, %d later", before, most)
	}
}

// TestReader_RowsLetGoOfTheirRecord keeps rows whose dropped column is long: a text
// that shared its record's memory would keep a name there for as long as the row.
func TestReader_RowsLetGoOfTheirRecord(t *testing.T) {
	const lines = 2000
	header := strings.Join(required, ",") + ",First name\n"
	line := "S1,Active,2026-01-01,u1,Dynamic," + strings.Repeat("n", 8<<10) + "\n"
	r, err := subscriptionlog.Open(repeated{header, line}, int64(len(header)+lines*len(line)), rules(t))
	if err != nil {
		t.Fatal(err)
	}
	before, kept := live(), make([]subscriptionlog.Row, 0, lines)
	for range lines {
		row, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, row)
	}
	if after := live(); after > before+4<<20 {
		t.Errorf("%d bytes live before, %d with %d rows", before, after, len(kept))
	}
	runtime.KeepAlive(kept)
}
