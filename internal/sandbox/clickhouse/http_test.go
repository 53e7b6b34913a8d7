package clickhouse_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
	chgo "github.com/ClickHouse/clickhouse-go/v2"
)

// answer is what an HTTP request came back with.
type answer struct {
	status int
	body   string
	header http.Header
	err    error // of reading the body
}

// ask sends a request as curl would.
func ask(t *testing.T, method, query string, body io.Reader, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, "http://"+server.HTTPAddr()+"/"+query, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, body: string(text), header: response.Header, err: err}
}

func post(t *testing.T, params url.Values, body string, headers ...string) answer {
	t.Helper()
	return ask(t, http.MethodPost, "?"+params.Encode(), strings.NewReader(body), headers...)
}

func TestServer_HTTP(t *testing.T) {
	db := newDatabase(t, "plain_http")
	execute(t, open(t, options(chgo.Native, db)), "CREATE TABLE t (a UInt64, b String, CONSTRAINT small CHECK a < 1000) ENGINE = MergeTree ORDER BY a")
	in := func(pairs ...string) url.Values {
		params := url.Values{"database": {db}}
		for i := 0; i < len(pairs); i += 2 {
			params.Set(pairs[i], pairs[i+1])
		}
		return params
	}
	rows := func(t *testing.T) string {
		t.Helper()
		return strings.TrimSpace(post(t, in(), "SELECT count() FROM t").body)
	}

	t.Run("ping", func(t *testing.T) {
		for _, path := range []string{"ping", "", "replicas_status"} {
			if a := ask(t, http.MethodGet, path, nil); a.status != 200 || a.body != "Ok.\n" {
				t.Errorf("/%s: %d %q", path, a.status, a.body)
			}
		}
		if a := ask(t, http.MethodGet, "nothing-here", nil); a.status != 404 {
			t.Errorf("an unknown path: %d", a.status)
		}
	})

	t.Run("queries", func(t *testing.T) {
		for _, test := range []struct {
			params       url.Values
			body, answer string
			headers      []string
		}{
			{params: in(), body: "SELECT 1, 'x'", answer: "1\tx\n"},
			{params: in("query", "SELECT 1"), answer: "1\n"},
			{params: in("query", "SELECT 1"), body: "+ 1", answer: "2\n"},
			{params: in(), body: "SELECT 1 FORMAT CSV;", answer: "1\n"},
			{params: in("default_format", "JSONEachRow"), body: "SELECT 1 AS a", answer: "{\"a\":1}\n"},
			{params: in(), body: "SELECT 1 AS a", answer: "{\"a\":1}\n", headers: []string{"X-ClickHouse-Format", "JSONEachRow"}},
			{params: in("param_n", "5"), body: "SELECT {n:UInt8} + 1", answer: "6\n"},
			{params: in("max_threads", "3"), body: "SELECT getSetting('max_threads')", answer: "3\n"},
			{params: in(), body: "SELECT currentDatabase()", answer: db + "\n"},
			{params: in(), body: "SELECT number FROM numbers(3) FORMAT TabSeparatedWithNames", answer: "number\n0\n1\n2\n"},
			{params: in(), body: "SELECT 1 WHERE 0", answer: ""},
			{params: in(), body: "SHOW TABLES", answer: "t\n"},
			{params: in(), body: "EXISTS DATABASE " + db, answer: "1\n"},
		} {
			if a := post(t, test.params, test.body, test.headers...); a.status != 200 || a.body != test.answer {
				t.Errorf("%v %s: %d %q", test.params, test.body, a.status, a.body)
			}
		}
	})

	t.Run("the headers are those of ClickHouse", func(t *testing.T) {
		h := post(t, in("query_id", "mine"), "SELECT number FROM numbers(5) FORMAT CSV").header
		if h.Get("X-ClickHouse-Query-Id") != "mine" || h.Get("X-ClickHouse-Format") != "CSV" || h.Get("X-ClickHouse-Timezone") == "" ||
			!strings.Contains(h.Get("X-ClickHouse-Summary"), `"read_rows":"5"`) || !strings.HasPrefix(h.Get("Content-Type"), "text/csv") {
			t.Error(h)
		}
		if h := post(t, in(), "SELECT 1").header; h.Get("X-ClickHouse-Query-Id") == "" {
			t.Error("no query id was made")
		}
	})

	t.Run("inserts", func(t *testing.T) {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		if _, err := io.WriteString(w, "5,e\n"); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		framed := compress.NewWriter(compress.LevelZero, compress.LZ4)
		if err := framed.Compress([]byte("6,f\n")); err != nil {
			t.Fatal(err)
		}
		native := post(t, in(), "SELECT toUInt64(7) AS a, 'g' AS b FORMAT Native").body
		for i, test := range []struct {
			params  url.Values
			body    string
			headers []string
		}{
			{params: in(), body: "INSERT INTO t VALUES (1, 'a')"},
			{params: in("query", "INSERT INTO t VALUES"), body: "(2, 'b')"},
			{params: in("query", "INSERT INTO t (b, a) FORMAT JSONEachRow"), body: `{"a":3,"b":"c"}`},
			{params: in(), body: "INSERT INTO t FORMAT TabSeparated\n4\td\n"},
			{params: in("query", "INSERT INTO t FORMAT CSV"), body: zipped.String(), headers: []string{"Content-Encoding", "gzip"}},
			{params: in("query", "INSERT INTO t FORMAT CSV", "decompress", "1"), body: string(framed.Data)},
			{params: in("query", "INSERT INTO t SETTINGS async_insert = 0 FORMAT Native"), body: native},
			{params: in("query", "INSERT INTO t SELECT 8, 'h'")},
			{params: in("query", "INSERT INTO t"), body: "9\ti\n"},
		} {
			if a := post(t, test.params, test.body, test.headers...); a.status != 200 || a.body != "" || !strings.Contains(a.header.Get("X-ClickHouse-Summary"), "written_rows") {
				t.Errorf("%v: %d %q", test.params, a.status, a.body)
			}
			if got, want := rows(t), fmt.Sprint(i+1); got != want {
				t.Fatalf("%v: %s rows, want %s", test.params, got, want)
			}
		}
		want := "1\ta\n2\tb\n3\tc\n4\td\n5\te\n6\tf\n7\tg\n8\th\n9\ti\n"
		if got := post(t, in(), "SELECT * FROM t ORDER BY a").body; got != want {
			t.Errorf("%q", got)
		}
	})

	t.Run("errors are statuses with their code", func(t *testing.T) {
		before := rows(t)
		for _, test := range []struct {
			params       url.Values
			body         string
			status, code int
		}{
			{in(), "SELECT * FROM no_such_table", 404, 60},
			{in(), "selec 1", 400, 62},
			{in(), "SELECT 1; SELECT 2", 400, 62},
			{in(), " ", 400, 62},
			{in("no_such_setting", "1"), "SELECT 1", 404, 115},
			{in("database", "no_such_database"), "SELECT 1", 404, 81},
			{in("query", "INSERT INTO t VALUES"), "(1000, 'x')", 500, 469},
			{in("query", "INSERT INTO t FORMAT CSV"), "not a number,x\n", 400, 27},
			{in("query", "INSERT INTO t FORMAT CSV", "decompress", "1"), strings.Repeat("no frame", 10), 500, 271},
			{in("query", "INSERT INTO t FORMAT Native"), "\x02\x01\x01a\x06UInt64\x01", 500, 0},
			{in("user", "someone"), "SELECT 1", 403, 516},
			{in("session_id", "s", "session_check", "1"), "SELECT 1", 500, 372},
			{in(), "SELECT {n:UInt8}", 400, 456},
		} {
			a := post(t, test.params, test.body)
			if a.status != test.status || test.code != 0 && a.header.Get("X-ClickHouse-Exception-Code") != fmt.Sprint(test.code) ||
				test.code != 0 && !strings.HasPrefix(a.body, fmt.Sprintf("Code: %d. DB::Exception: ", test.code)) {
				t.Errorf("%v %q: %d, code %s: %.200s", test.params, test.body, a.status, a.header.Get("X-ClickHouse-Exception-Code"), a.body)
			}
		}
		if got := rows(t); got != before {
			t.Errorf("%s rows, %s before", got, before)
		}
		if a := post(t, in(), "SELECT 1", "Content-Encoding", "rot13"); a.header.Get("X-ClickHouse-Exception-Code") != "89" {
			t.Errorf("an unknown encoding: %d %s", a.status, a.body)
		}
	})

	t.Run("a GET changes nothing", func(t *testing.T) {
		before := rows(t)
		if a := ask(t, http.MethodGet, "?"+in("query", "SELECT 1").Encode(), nil); a.body != "1\n" {
			t.Errorf("%d %q", a.status, a.body)
		}
		for _, sql := range []string{"INSERT INTO t VALUES (10, 'j')", "INSERT INTO t SELECT 10, 'j'", "TRUNCATE TABLE t"} {
			if a := ask(t, http.MethodGet, "?"+in("query", sql).Encode(), nil); a.header.Get("X-ClickHouse-Exception-Code") != "164" {
				t.Errorf("%s: %d %s", sql, a.status, a.body)
			}
		}
		if got := rows(t); got != before {
			t.Errorf("%s rows, %s before", got, before)
		}
	})

	t.Run("results can be compressed", func(t *testing.T) {
		a := post(t, in("compress", "1"), "SELECT number FROM numbers(100000)")
		text, err := io.ReadAll(compress.NewReader(strings.NewReader(a.body)))
		if len(text) != 588890 {
			t.Errorf("%d bytes, %v", len(text), err)
		}
		a = post(t, in("enable_http_compression", "1"), "SELECT 1", "Accept-Encoding", "gzip")
		unzipped, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(unzipped); err != nil || string(text) != "1\n" {
			t.Errorf("%q, %v", text, err)
		}
	})

	t.Run("a late error is seen", func(t *testing.T) {
		const query = "SELECT toString(number), throwIf(number = 3000000) FROM numbers(4000000) SETTINGS max_block_size = 50000"
		early := post(t, in("wait_end_of_query", "1"), query)
		if early.status != 500 || early.header.Get("X-ClickHouse-Exception-Code") != "395" {
			t.Errorf("held back: %d %.100s", early.status, early.body)
		}
		late := post(t, in(), query)
		tag := late.header.Get("X-ClickHouse-Exception-Tag")
		if late.status != 200 || late.err == nil || len(tag) != 16 ||
			!strings.Contains(late.body, "\r\n__exception__\r\n"+tag+"\r\nCode: 395. ") || !strings.HasSuffix(late.body, tag+"\r\n__exception__\r\n") {
			t.Errorf("not held back: %d, %v, ends %q", late.status, late.err, late.body[max(0, len(late.body)-300):])
		}
	})

	t.Run("a session keeps its settings and tables", func(t *testing.T) {
		s := in("session_id", "mine")
		for _, sql := range []string{"SET max_threads = 5", "CREATE OR REPLACE TEMPORARY TABLE temp (a UInt8)", "INSERT INTO temp VALUES (1)"} {
			if a := post(t, s, sql); a.status != 200 {
				t.Fatalf("%s: %s", sql, a.body)
			}
		}
		if a := post(t, s, "SELECT getSetting('max_threads') + a FROM temp"); a.body != "6\n" {
			t.Errorf("%d %q", a.status, a.body)
		}
		other := in("session_id", "mine", "max_threads", "2")
		if a := post(t, other, "SELECT getSetting('max_threads')"); a.body != "2\n" {
			t.Errorf("with a setting of its own: %q", a.body)
		}
		if a := post(t, s, "SELECT getSetting('max_threads')"); a.body != "5\n" {
			t.Errorf("after it: %q", a.body)
		}
		if a := post(t, in(), "SELECT * FROM temp"); a.status != 404 {
			t.Errorf("without the session: %d %q", a.status, a.body)
		}
	})
}
