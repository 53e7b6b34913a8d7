package statement

import (
	"slices"
	"strings"
	"testing"
)

func TestParseInsert(t *testing.T) {
	for _, test := range []struct {
		sql     string
		ok      bool
		head    string
		target  string
		columns []string
		plain   bool
		format  string
		data    string
	}{
		{sql: "INSERT INTO t VALUES", ok: true, head: "INSERT INTO t ", target: "t", format: "Values"},
		{sql: "insert into t values (1)", ok: true, head: "insert into t ", target: "t", format: "Values", data: "(1)"},
		{sql: "INSERT INTO db.`odd )name` (a, `b c`, n.x) VALUES ;", ok: true, head: "INSERT INTO db.`odd )name` (a, `b c`, n.x) ", target: "db.`odd )name`", columns: []string{"a", "b c", "n.x"}, plain: true, format: "Values"},
		{sql: "INSERT INTO TABLE t (a) FORMAT JSONEachRow\n{\"a\":1}\n", ok: true, head: "INSERT INTO TABLE t (a) ", target: "t", columns: []string{"a"}, plain: true, format: "JSONEachRow", data: "{\"a\":1}\n"},
		{sql: "INSERT INTO t (a)", ok: true, head: "INSERT INTO t (a)", target: "t", columns: []string{"a"}, plain: true},
		{sql: "INSERT INTO t (* EXCEPT(b)) VALUES", ok: true, head: "INSERT INTO t (* EXCEPT(b)) ", target: "t", format: "Values"},
		{sql: "INSERT INTO t SETTINGS async_insert = 0, x = 'FORMAT' FORMAT Native", ok: true, head: "INSERT INTO t SETTINGS async_insert = 0, x = 'FORMAT' ", target: "t", format: "Native"},
		{sql: "/* why */ INSERT INTO t -- here\n(a) VALUES /* nothing */", ok: true, head: "/* why */ INSERT INTO t -- here\n(a) ", target: "t", columns: []string{"a"}, plain: true, format: "Values"},
		{sql: "INSERT INTO FUNCTION file('x', 'CSV', 'a UInt8') VALUES (1)", ok: true, head: "INSERT INTO FUNCTION file('x', 'CSV', 'a UInt8') ", target: "file('x', 'CSV', 'a UInt8')", format: "Values", data: "(1)"},
		{sql: "INSERT INTO \"t\".\"values\" FORMAT TSV\n\t1\n", ok: true, head: "INSERT INTO \"t\".\"values\" ", target: "\"t\".\"values\"", format: "TSV", data: "\t1\n"},
		{sql: "INSERT INTO t SELECT 1"},
		{sql: "INSERT INTO t (a) WITH 1 AS x SELECT x"},
		{sql: "INSERT INTO t (SELECT 1)"},
		{sql: "INSERT INTO t (a) (SELECT 1)"},
		{sql: "INSERT INTO t FROM INFILE 'x' FORMAT CSV"},
		{sql: "SELECT 'INSERT INTO t VALUES'"},
		{sql: "INSERT INTO"},
		{sql: ""},
	} {
		in, ok := ParseInsert(test.sql)
		if ok != test.ok {
			t.Errorf("%s: recognised %v", test.sql, ok)
			continue
		}
		if ok && (in.Head != test.head || in.Target != test.target || in.Plain != test.plain || in.Format != test.format || in.Data != test.data ||
			in.Plain && !slices.Equal(in.Columns, test.columns)) {
			t.Errorf("%s: %+v", test.sql, in)
		}
	}
}

func TestCutFormat(t *testing.T) {
	for _, test := range []struct{ sql, query, format string }{
		{"SELECT 1", "SELECT 1", ""},
		{"SELECT 1;", "SELECT 1", ""},
		{"SELECT 1 FORMAT CSV", "SELECT 1", "CSV"},
		{"SELECT 1 format JSON ; ", "SELECT 1", "JSON"},
		{"SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "SELECT 1   SETTINGS max_threads = 1", "CSV"},
		{"SELECT 1 -- FORMAT CSV", "SELECT 1 -- FORMAT CSV", ""},
		{"SELECT 'FORMAT CSV'", "SELECT 'FORMAT CSV'", ""},
		{"SELECT format FROM t", "SELECT format FROM t", ""},
		{"SELECT format('{}', x) AS format FROM t FORMAT TSV", "SELECT format('{}', x) AS format FROM t", "TSV"},
		{"SELECT (SELECT 1 FORMAT CSV)", "SELECT (SELECT 1 FORMAT CSV)", ""},
		{"SELECT $$ FORMAT CSV $$", "SELECT $$ FORMAT CSV $$", ""},
	} {
		query, format := CutFormat(test.sql)
		if strings.TrimSpace(query) != strings.TrimSpace(test.query) || format != test.format {
			t.Errorf("%s: %q, %q", test.sql, query, format)
		}
	}
}

func TestReplaceCall(t *testing.T) {
	got := ReplaceCall("SELECT revision(), 'revision()', Revision ( ), revision", "revision", "7")
	if want := "SELECT 7, 'revision()', 7, revision"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestQuoting(t *testing.T) {
	if got, want := Literal(`it's \ so`), `'it\'s \\ so'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := Identifier("a`b\\"), "`a\\`b\\\\`"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func FuzzStatement(f *testing.F) {
	for _, seed := range []string{"INSERT INTO t (a, `b`) SETTINGS x='y' FORMAT CSV\n1", "SELECT 1 FORMAT TSV;", "$a$ x $a$", "/* ", "'\\", "INSERT INTO t ((("} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if in, ok := ParseInsert(sql); ok {
			if !strings.HasPrefix(sql, in.Head) || !strings.HasSuffix(sql, in.Data) && in.Data != "" {
				t.Errorf("%q: head %q, data %q are not its ends", sql, in.Head, in.Data)
			}
		}
		CutFormat(sql)
		ReplaceCall(sql, "revision", "1")
	})
}

func TestTable(t *testing.T) {
	for sql, want := range map[string]string{
		"INSERT INTO t (a, b) VALUES":                               "t",
		"INSERT INTO TABLE db.`odd name` FORMAT Native":             "odd name",
		"INSERT INTO FUNCTION file('x') VALUES (1)":                 "file",
		"insert into letters (a) select a from others final":        "letters",
		"SELECT a FROM (SELECT b FROM db.inner WHERE c) AS outside": "inner",
		"SELECT 'FROM x', 1 -- FROM y":                              "",
		"ALTER TABLE `d`.t ADD CONSTRAINT c CHECK a":                "t",
		"CREATE TABLE IF NOT EXISTS t (a UInt8) ENGINE = Memory":    "t",
		"DROP TABLE IF EXISTS d.t":                                  "t",
		"SELECT 1":                                                  "",
		"INSERT INTO":                                               "",
		"":                                                          "",
	} {
		if got := Table(sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}
