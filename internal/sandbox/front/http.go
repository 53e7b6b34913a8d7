package front

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
)

func (f *Front) httpHandler() http.Handler {
	mux := http.NewServeMux()
	alive := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Ok.\n") }
	mux.HandleFunc("/ping", alive)
	mux.HandleFunc("/replicas_status", alive)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.RawQuery == "" {
			alive(w, r)
			return
		}
		if !f.begin() {
			http.Error(w, "the server is closing", http.StatusServiceUnavailable)
			return
		}
		defer f.work.Done()
		f.answer(w, r)
	})
	return mux
}

// answer runs the statement of one HTTP request.
func (f *Front) answer(w http.ResponseWriter, r *http.Request) {
	s := f.server
	q, err := f.parseHTTP(r)
	out := newResponse(w, s, q)
	defer out.discard()
	if err != nil {
		out.fail(err)
		return
	}
	session, release, err := s.httpSession(q)
	if err != nil {
		out.fail(err)
		return
	}
	defer release()
	fault := s.decide("http", q.database, q.text())
	if q.insert == nil {
		fault = fault.withoutData()
	}
	err = session.withSettings(q.settings, func() error {
		if err := fault.strike(s.quit, Before); err != nil {
			return err
		}
		var err error
		if q.insert != nil {
			err = out.insert(session, fault)
		} else {
			err = out.read(r, session)
		}
		if err != nil {
			return err
		}
		return fault.strike(s.quit, After)
	})
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		out.struck(r, err)
		out.fail(err)
	}
}

// struck ends a request whose fault leaves no answer, by never returning.
func (o *response) struck(r *http.Request, err error) {
	var struck *struckError
	switch {
	case !errors.As(err, &struck):
		return
	case struck.hang:
		// Only once the body has been read does the client's end show.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case struck.exception == nil:
		panic(http.ErrAbortHandler)
	case struck.cut:
		o.w.Header().Set("Connection", "close")
	default:
		// ClickHouse reads a request to its end before it answers with an error.
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

// httpSession gives the session that a request asks for, or one for it alone.
func (s *Server) httpSession(q *httpQuery) (one *session, release func(), err error) {
	open := func() (*session, error) { return s.newSession("") }
	if q.sessionID == "" {
		one, err = open()
		if err != nil {
			return nil, nil, err
		}
		release = one.close
	} else {
		one, err = s.sessions.acquire(q.sessionID, q.sessionCheck, open)
		if err != nil {
			return nil, nil, err
		}
		release = func() { s.sessions.release(q.sessionID, q.sessionTimeout) }
	}
	if err := one.use(q.database); err != nil {
		release()
		return nil, nil, err
	}
	return one, release, nil
}

// insert feeds the request's data to the engine as it comes, in the format that
// the statement names.
func (o *response) insert(s *session, fault *Fault) error {
	q := o.query
	if q.readonly() {
		return exception(codeReadonly, "READONLY", "Cannot execute query in readonly mode")
	}
	format := firstOf(q.insert.Format, q.defaultFormat, "TabSeparated")
	insert, err := s.conn.Insert(q.insert.Head, format, q.params...)
	if err != nil {
		return err
	}
	defer insert.Close()
	midway := func() error { return fault.strike(s.server.quit, Midway) }
	if err := feed(insert, q.data, midway); err != nil {
		return err
	}
	// A commit under way is finished, whatever becomes of the client.
	return s.killable(s.server.quit, func() (err error) {
		o.wroteRows, o.wroteBytes, err = insert.Commit()
		return err
	})
}

// feed copies data up to a clean end. Data that is cut off is an error, so that it
// is never committed. midway is asked when the first piece has come.
func feed(insert *libchdb.Insert, data io.Reader, midway func() error) error {
	buffer := make([]byte, insertBuffer)
	for first := true; ; first = false {
		var n int
		var err error
		for n < len(buffer) && err == nil {
			var more int
			more, err = data.Read(buffer[n:])
			n += more
		}
		if first {
			if err := midway(); err != nil {
				return err
			}
		}
		if _, err := insert.Write(buffer[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the request's data: %w", err)
		}
	}
}

// read runs any other statement. A client that leaves ends it.
func (o *response) read(r *http.Request, s *session) error {
	q := o.query
	return s.killable(r.Context(), func() error {
		err := s.run(q.request, q.format, streamed[strings.ToLower(q.format)], func(chunk *libchdb.Result) error {
			o.readRows += chunk.Rows()
			return o.chunk(chunk.Bytes())
		})
		if err != nil || o.chunks > 0 || !q.native() {
			return err
		}
		return o.emptyResult(s)
	})
}

// streamed are the formats of which several documents in a row are one document,
// in lower case.
var streamed = map[string]bool{
	"native": true, "null": true, "rowbinary": true,
	"tabseparated": true, "tsv": true, "tabseparatedraw": true, "tsvraw": true, "raw": true,
	"csv": true, "jsoneachrow": true, "jsonlines": true, "ndjson": true, "jsoncompacteachrow": true,
}

// firstOf gives the first text that is not empty.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
