package rows

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// shortNames lets a test write short headers.
var shortNames = NewNames(map[string]string{"s": "subscription_id", "t": "event_timestamp", "a": "subscription_action", "n": "term_name"})

var comma = Dialect{',', '"'}

func openCSV(t testing.TB, file io.Reader, d Dialect, limit int) *CSV {
	t.Helper()
	r, err := OpenCSV(file, d, shortNames, Limits{Message: limit})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// readAll returns the messages, and the error that ended them where it is not io.EOF.
func readAll(r Reader) (messages []string, err error) {
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		messages = append(messages, string(m))
	}
}

func TestCSV_Next(t *testing.T) {
	const header = "s,t,a,n\n"
	long := strings.Repeat("x", 300<<10) // longer than the reader's buffer
	for note, c := range map[string]struct {
		file string
		d    Dialect
		want []string
	}{
		"cells are texts, an empty one is absent": {header + "1,2,3,4\n1,,3,\n", comma, []string{`{"s":"1","t":"2","a":"3","n":"4"}`, `{"s":"1","a":"3"}`}},
		"no line end at the end":                  {header + "1,2,3,4", comma, []string{`{"s":"1","t":"2","a":"3","n":"4"}`}},
		"CR LF, and a byte order mark":            {"\xef\xbb\xbfs,t,a,n\r\n1,2,3,4\r\n", comma, []string{`{"s":"1","t":"2","a":"3","n":"4"}`}},
		"quotes":                                  {header + `"1","2 ""b"" ","","4,4"` + "\n", comma, []string{`{"s":"1","t":"2 \"b\" ","n":"4,4"}`}},
		"a line end inside quotes":                {header + "1,2,3,\"4\r\n\n5\"\n6,7,8,9\n", comma, []string{`{"s":"1","t":"2","a":"3","n":"4\u000d\u000a\u000a5"}`, `{"s":"6","t":"7","a":"8","n":"9"}`}},
		"empty lines are no rows":                 {header + "\n1,2,3,4\n\r\n\n5,6,7,8\n\n", comma, []string{`{"s":"1","t":"2","a":"3","n":"4"}`, `{"s":"5","t":"6","a":"7","n":"8"}`}},
		"separators at the end of the line":       {header + "1,2,3,4,,\n", comma, []string{`{"s":"1","t":"2","a":"3","n":"4"}`}},
		"a column to ignore":                      {"x,s,t,a\n\"9\n9\",1,2,3\n", comma, []string{`{"s":"1","t":"2","a":"3"}`}},
		"a column without a name":                 {"s,t,a,\n1,2,3,\n", comma, []string{`{"s":"1","t":"2","a":"3"}`}},
		"another dialect":                         {"s;'t';a\n1;'2;''2';\"\n", Dialect{';', '\''}, []string{`{"s":"1","t":"2;'2","a":"\""}`}},
		"without quotes":                          {"s\tt\ta\n\"1\t2\"\t'3\n", Dialect{'\t', 0}, []string{`{"s":"\"1","t":"2\"","a":"'3"}`}},
		"control characters and invalid UTF-8":    {header + "1,\x00\xff\\,3,\t\n", comma, []string{"{\"s\":\"1\",\"t\":\"\\u0000\xff\\\\\",\"a\":\"3\",\"n\":\"\\u0009\"}"}},
		"long cells":                              {header + "1,2,\"" + long + "\n\"," + long + "\n5,6,7,8\n", comma, []string{`{"s":"1","t":"2","a":"` + long + `\u000a","n":"` + long + `"}`, `{"s":"5","t":"6","a":"7","n":"8"}`}},
		"only a header":                           {header, comma, nil},
	} {
		t.Run(note, func(t *testing.T) {
			for name, file := range map[string]io.Reader{"whole": strings.NewReader(c.file), "halves": iotest.HalfReader(strings.NewReader(c.file))} {
				got, err := readAll(openCSV(t, file, c.d, 1<<20))
				if err != nil || strings.Join(got, "\n") != strings.Join(c.want, "\n") {
					t.Errorf("%s: got %.200q, want %.200q, %v", name, got, c.want, err)
				}
			}
			r := openCSV(t, strings.NewReader(c.file), c.d, 1<<20)
			if err := r.Skip(int64(len(c.want))); err != nil {
				t.Errorf("skip: %v", err)
			}
			if err := r.Skip(1); !errors.Is(err, io.EOF) {
				t.Errorf("skip beyond the end: %v", err)
			}
		})
	}
}

// TestCSV_StopsAtARowThatIsNotWhatTheHeaderSays keeps the rows before it.
func TestCSV_StopsAtARowThatIsNotWhatTheHeaderSays(t *testing.T) {
	for note, c := range map[string]struct{ file, says string }{
		"a cell too many":      {"1,2,canary,3\n", "line 3: more cells than the 3 columns of the header"},
		"a cell missing":       {"1,canary\n", "line 3: 2 cells, and the header has 3 columns"},
		"a line end in a cell": {"1,2\ncanary,3\n", "line 3: 2 cells"},
		"text after a quote":   {"1,\"canary\" 2,3\n", "line 3: text after the end of a quoted cell"},
		"an escaped quote":     {`1,"can\"ary",3` + "\n" + `1,"",3"` + "\n", "line 3: "},
		"a bare quote":         {`1,can"ar"y,3` + "\n", "line 3: a quote inside a cell without quotes"},
		"no end of the quotes": {"1,\"canary,3\n1,2,3\n", "line 3: a quoted cell has no end"},
		"no end within a row":  {"1,\"canary,3\n" + strings.Repeat("1,2,3\n", 1000), "a quoted cell has no end"},
	} {
		t.Run(note, func(t *testing.T) {
			got, err := readAll(openCSV(t, strings.NewReader("s,t,a\n7,8,9\n"+c.file), comma, 1000))
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v, want %q", err, c.says)
			}
			if len(got) != 1 || got[0] != `{"s":"7","t":"8","a":"9"}` {
				t.Errorf("before it: %q", got)
			}
		})
	}
}

func TestCSV_TooLarge(t *testing.T) {
	const limit = 100
	fits := strings.Repeat("x", limit-len(`{"s":"1","t":"2","a":""}`))
	r := openCSV(t, strings.NewReader("s,t,a,z\n1,2,"+fits+",\n1,2,"+fits+"x,\n1,2,"+strings.Repeat(`\`, 60)+",\n1,2,3,"+strings.Repeat("z", 600<<10)+"\n1,2,3,\n"), comma, limit)
	for i, want := range []struct {
		length    int
		truncated bool
	}{{limit, false}, {limit + 1, false}, {limit + 1, true}, {limit + 1, true}, {len(`{"s":"1","t":"2","a":"3"}`), false}} {
		m, err := r.Next()
		if err != nil || len(m) != want.length || r.Truncated() != want.truncated {
			t.Errorf("row %d: %d bytes, truncated %t, %v", i, len(m), r.Truncated(), err)
		}
	}
	if cap(r.records.buf) > 8*limit || cap(r.message.buf) > 8*limit {
		t.Errorf("%d and %d bytes are kept", cap(r.records.buf), cap(r.message.buf))
	}
}

func TestOpenCSV_Header(t *testing.T) {
	r := openCSV(t, strings.NewReader("s,Term Name,t,a,price,,Event-Name,event_name\n"), comma, 1000)
	c := r.Columns
	if strings.Join(c.Known, " ") != "subscription_id event_timestamp subscription_action event_name" || strings.Join(c.Ignored, "|") != "Term Name|price||Event-Name" ||
		len(c.Similar) != 1 || c.Similar["Term Name"] != "term_name" {
		t.Errorf("%+v", c)
	}
	for file, want := range map[string]string{
		"":                                 "has no header",
		"\n\n":                             "has no header",
		"s,t,a,subscription_id\n":          "columns 1 and 4 are both subscription_id",
		"s,t,canary\n":                     "no column subscription_action",
		"s,t,a,\"canary\n":                 "a quoted cell has no end",
		"s,t," + strings.Repeat("a", 2000): "too long for a header",
	} {
		_, err := OpenCSV(strings.NewReader(file), comma, shortNames, Limits{Message: 1000})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%.20q: %v, want %q", file, err, want)
		}
	}
}

func TestCSV_ReadError(t *testing.T) {
	broken := errors.New("the disk is gone")
	got, err := readAll(openCSV(t, io.MultiReader(strings.NewReader("s,t,a\n1,2,3\n1,2,"), iotest.ErrReader(broken)), comma, 1000))
	if len(got) != 1 || !errors.Is(err, broken) || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("%q, %v", got, err)
	}
}

// FuzzCSV compares with encoding/csv, which has one quote and changes CR LF inside of
// quotes.
func FuzzCSV(f *testing.F) {
	f.Add("1,2,3\n\"a\"\"b\",\"\n\",\n", byte(';'))
	f.Add("1,,\r\n\r\n,\"\r\n\",", byte('\t'))
	f.Add("1,2,3,,\n1,2\n", byte(','))
	f.Add("1,2\"3\"\n", byte(','))
	f.Fuzz(func(t *testing.T, body string, separator byte) {
		if separator >= 0x7f || separator < '\t' || isAlphanumeric(separator) || strings.ContainsRune("\r\n\"_'", rune(separator)) || len(body) > 1000 {
			return
		}
		// A CR that does not belong to a line end is text here, and partly there.
		if strings.Contains(strings.ReplaceAll(body, "\r\n", ""), "\r") {
			return
		}
		file := strings.Join([]string{"s", "t", "a"}, string(rune(separator))) + "\n" + body
		got, err := readAll(openCSV(t, strings.NewReader(file), Dialect{separator, '"'}, 1<<20))
		reference := csv.NewReader(strings.NewReader(file))
		reference.Comma, reference.FieldsPerRecord = rune(separator), -1
		if _, headerErr := reference.Read(); headerErr != nil {
			t.Fatal(headerErr)
		}
		for i := 0; ; i++ {
			cells, want := reference.Read()
			if errors.Is(want, io.EOF) {
				if err != nil || len(got) != i {
					t.Fatalf("%q: %d rows, want %d, %v", body, len(got), i, err)
				}
				return
			}
			bad := want != nil || len(cells) < 3
			if !bad {
				bad = strings.Join(cells[3:], "") != ""
			}
			if bad {
				if err == nil || len(got) != i {
					t.Fatalf("%q: row %d is accepted: %q, %v", body, i, got, want)
				}
				return
			}
			if i >= len(got) {
				t.Fatalf("%q: row %d is missing: %v", body, i, err)
			}
			var object map[string]string
			if json.Unmarshal([]byte(got[i]), &object) != nil {
				t.Fatalf("%q: row %d is no JSON: %s", body, i, got[i])
			}
			for j, name := range []string{"s", "t", "a"} {
				// json.Unmarshal replaces invalid UTF-8 too.
				if text := strings.ReplaceAll(object[name], "\r\n", "\n"); text != strings.ToValidUTF8(cells[j], "\ufffd") && text != replaced(cells[j]) {
					t.Fatalf("%q: row %d has %q as %s, want %q", body, i, text, name, cells[j])
				}
			}
		}
	})
}

// replaced is a text as encoding/json reads it: each invalid byte is replaced.
func replaced(text string) string {
	var b strings.Builder
	for _, r := range text {
		b.WriteRune(r)
	}
	return b.String()
}
