package front

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/sandbox/front/block"
	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
	"github.com/pianola/pianola/internal/sandbox/front/statement"
)

// httpQuery is what an HTTP request asks for.
type httpQuery struct {
	request
	insert *statement.Insert // nil for any other statement
	data   io.Reader         // of the insert

	id            string
	database      string
	format        string // of the result
	defaultFormat string
	revision      block.Revision // of Native results
	compress      bool           // the result goes in ClickHouse's frames
	gzip          bool           // the result goes as gzip
	wait          bool           // the whole result is held until it is complete

	sessionID      string
	sessionCheck   bool
	sessionTimeout time.Duration
}

func (q *httpQuery) native() bool { return strings.EqualFold(q.format, "Native") }

// text is the statement without data.
func (q *httpQuery) text() string {
	if q.insert != nil {
		return q.insert.Head
	}
	return q.sql
}

// maxHead is how far an INSERT is looked for in a body: ClickHouse's
// max_query_size.
const maxHead = 256 << 10

// parseHTTP checks the login and reads everything up to the data of an INSERT.
func (f *Front) parseHTTP(r *http.Request) (*httpQuery, error) {
	params := r.URL.Query()
	q := &httpQuery{
		id:             firstOf(params.Get("query_id"), r.Header.Get("X-ClickHouse-Query-Id"), uuid.NewString()),
		database:       firstOf(params.Get("database"), r.Header.Get("X-ClickHouse-Database")),
		defaultFormat:  firstOf(r.Header.Get("X-ClickHouse-Format"), params.Get("default_format")),
		compress:       enabled(params, "compress"),
		gzip:           enabled(params, "enable_http_compression") && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"),
		wait:           enabled(params, "wait_end_of_query"),
		sessionID:      params.Get("session_id"),
		sessionCheck:   enabled(params, "session_check"),
		sessionTimeout: sessionTimeout(params.Get("session_timeout")),
	}
	if user, password := login(r, params); !f.admits(user, password, r.TLS) {
		return q, authenticationFailed()
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return q, exception(codeNotImplemented, "NOT_IMPLEMENTED", "only GET and POST are taken")
	}
	if revision, err := strconv.ParseUint(params.Get("client_protocol_version"), 10, 31); err == nil {
		q.revision = block.Revision(min(revision, nativeRevision))
	}
	q.takeSettings(params, r.Method == http.MethodGet)
	body, err := decoded(r, enabled(params, "decompress"))
	if err != nil {
		return q, err
	}
	return q, q.parseStatement(params.Get("query"), body)
}

// reserved are the URL parameters that are not settings.
var reserved = []string{
	"query", "query_id", "database", "user", "password", "quota_key", "role", "default_format",
	"client_protocol_version", "compress", "decompress", "wait_end_of_query", "buffer_size", "stacktrace",
	"session_id", "session_check", "session_timeout", "close_session",
}

// takeSettings sorts the URL parameters into query parameters and settings. A GET
// changes nothing, whatever it says.
func (q *httpQuery) takeSettings(params url.Values, get bool) {
	for name, values := range params {
		value := values[len(values)-1]
		if param, ok := strings.CutPrefix(name, "param_"); ok {
			q.params = append(q.params, libchdb.Param{Name: param, Value: value})
		} else if !slices.Contains(reserved, name) {
			q.settings = append(q.settings, setting{name: name, value: value, important: true})
		}
	}
	if get && !q.readonly() {
		q.settings = append(q.settings, setting{name: "readonly", value: "2"})
	}
}

// parseStatement puts the statement together: the query parameter, then the body.
// What follows an INSERT in either is its data.
func (q *httpQuery) parseStatement(text string, body io.Reader) error {
	if text == "" {
		buffered := bufio.NewReaderSize(body, maxHead)
		head, err := buffered.Peek(maxHead)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the request's body: %w", err)
		}
		if in, ok := statement.ParseInsert(string(head)); ok {
			if _, err := buffered.Discard(len(head) - len(in.Data)); err != nil {
				return fmt.Errorf("read the request's body: %w", err)
			}
			q.insert, q.data = &in, buffered
			return nil
		}
		body = buffered
	} else if in, ok := statement.ParseInsert(text); ok {
		q.insert, q.data = &in, io.MultiReader(strings.NewReader(in.Data), body)
		return nil
	} else {
		text += "\n"
	}
	rest, err := io.ReadAll(io.LimitReader(body, maxStatement+1))
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the request's body: %w", err)
	}
	if len(rest) > maxStatement {
		return exception(codeRequestTooLarge, "TOO_MANY_BYTES", fmt.Sprintf("the statement is longer than %d bytes", maxStatement))
	}
	text += string(rest)
	if strings.TrimSpace(text) == "" {
		return exception(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: Empty query")
	}
	// Some clients take the server's revision for the one it answers in.
	text = statement.ReplaceCall(text, "revision", fmt.Sprintf("toUInt32(%d)", nativeRevision))
	sql, format := text, ""
	if statement.Verb(text) != "INSERT" {
		sql, format = statement.CutFormat(text)
	}
	q.sql, q.format = sql, firstOf(format, q.defaultFormat, "TabSeparated")
	return nil
}

func login(r *http.Request, params url.Values) (user, password string) {
	if user, password, ok := r.BasicAuth(); ok {
		return user, password
	}
	return firstOf(r.Header.Get("X-ClickHouse-User"), params.Get("user")),
		firstOf(r.Header.Get("X-ClickHouse-Key"), params.Get("password"))
}

func enabled(params url.Values, name string) bool {
	value := params.Get(name)
	return value == "1" || strings.EqualFold(value, "true")
}

func sessionTimeout(seconds string) time.Duration {
	n, err := strconv.ParseUint(seconds, 10, 31)
	if err != nil {
		return defaultSessionTimeout
	}
	return min(time.Duration(n)*time.Second, maxSessionTimeout)
}
