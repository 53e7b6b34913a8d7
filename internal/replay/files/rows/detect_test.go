package rows

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	for head, want := range map[string]Format{
		"": NDJSON, "\n\n": NDJSON, `{"a":1}`: NDJSON, "\xef\xbb\xbf {": NDJSON, "\x00\x00\x00\x00\x07{\"a\"": NDJSON,
		"PAR1\x15": Parquet, "subscription_id,x": CSVFile, "\xef\xbb\xbfa;b": CSVFile, `"a"`: CSVFile,
	} {
		if got, err := Detect([]byte(head)); got != want || err != nil {
			t.Errorf("%q: %s, %v", head, got, err)
		}
	}
	for head, want := range map[string]string{
		"PK\x03\x04": "reconcile --csv", "PARE": "encrypted", "BZh9": "bzip2", "\xff\xfea\x00": "UTF-16", "[{": "jq -c", "\x7fELF\x00": "not a text",
	} {
		if got, err := Detect([]byte(head)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %s, %v", head, got, err)
		}
	}
}

func TestDetectDialect(t *testing.T) {
	for note, c := range map[string]struct {
		head   string
		stated Stated
		want   Dialect
	}{
		"comma":                          {"s,t,a\n1,2,3\n", Stated{}, Dialect{',', '"'}},
		"semicolon, and commas in cells": {"s;t;a;x,y\n1;2,5;3;\n", Stated{}, Dialect{';', '"'}},
		"tab":                            {"s\tt\ta\n", Stated{}, Dialect{'\t', '"'}},
		"bar, with a byte order mark":    {"\xef\xbb\xbfs|t|a\r\n", Stated{}, Dialect{'|', '"'}},
		"a header in single quotes":      {"'s','t','a'\n", Stated{}, Dialect{',', '\''}},
		"rows in single quotes":          {"s,t,a\n1,'2,5',3\n", Stated{}, Dialect{',', '\''}},
		"single quotes in texts":         {"s,t,a\n1,'t Hooft,3\n\"1\",'2',3\n", Stated{}, Dialect{',', '"'}},
		"stated":                         {"s:t:a\n", Stated{Separator: ':', QuoteStated: true}, Dialect{':', 0}},
		"stated quote alone":             {"s;t;a\n", Stated{Quote: '\'', QuoteStated: true}, Dialect{';', '\''}},
	} {
		if got, err := DetectDialect([]byte(c.head), c.stated, shortNames); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", note, got, err)
		}
	}
	for note, c := range map[string]struct {
		head, says string
		stated     Stated
	}{
		"no documented column":   {"canary,b\n", "neither JSON nor a header", Stated{}},
		"a row instead":          {"1,2,canary\n", "neither JSON nor a header", Stated{}},
		"a column is missing":    {"s,t,canary\n", "no column subscription_action", Stated{}},
		"another separator":      {"s,t,a\n", "no column", Stated{Separator: ';'}},
		"the subscription log":   {"Subscription ID,Start date,Subscription status,User ID (UID),Term type\n", "pianola reconcile --csv", Stated{}},
		"the log, by semicolons": {"Subscription ID;Start date;Subscription status;User ID (UID);Term type\n", "pianola reconcile --csv", Stated{}},
	} {
		if got, err := DetectDialect([]byte(c.head), c.stated, shortNames); err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, %v", note, got, err)
		}
	}
}

func TestParseSeparatorAndQuote(t *testing.T) {
	for text, want := range map[string]byte{",": ',', "tab": '\t', `\t`: '\t', "\t": '\t', "|": '|', "\x01": 1} {
		if got, err := ParseSeparator(text); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ",,", "a", "0", "_", "\n", "\r", `"`, "'", "ø", "\xff"} {
		if got, err := ParseSeparator(text); err == nil {
			t.Errorf("%q: %q is accepted", text, got)
		}
	}
	for text, want := range map[string]byte{`"`: '"', "'": '\'', "none": 0, "double": '"'} {
		if got, err := ParseQuote(text); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if got, err := ParseQuote("x"); err == nil {
		t.Errorf("%q is accepted", got)
	}
}

func TestDialect_JSON(t *testing.T) {
	for _, d := range []Dialect{{',', '"'}, {'\t', 0}, {1, '\''}} {
		text, err := json.Marshal(d)
		var again Dialect
		if err != nil || json.Unmarshal(text, &again) != nil || again != d {
			t.Errorf("%v: %s, %v", d, text, err)
		}
	}
}

// FuzzDetect holds that a head in a dialect is read in it.
func FuzzDetect(f *testing.F) {
	f.Add([]byte("s;t;a\n1;'2';3"))
	f.Add([]byte("\"s\"|t|a|\"x\ny\"\n"))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, head []byte) {
		format, err := Detect(head)
		if err != nil || format != CSVFile {
			return
		}
		d, err := DetectDialect(head, Stated{}, shortNames)
		if err != nil {
			return
		}
		r, err := OpenCSV(strings.NewReader(string(head)), d, shortNames, Limits{Message: HeadBytes})
		if err != nil {
			t.Fatalf("%q in the dialect %v: %v", head, d, err)
		}
		_, _ = readAll(r)
	})
}
