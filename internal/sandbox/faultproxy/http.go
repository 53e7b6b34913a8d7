package faultproxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strconv"

	"github.com/ClickHouse/ch-go/proto"
)

// errStruck replaces an answer by the fault.
var errStruck = errors.New("the fault replaces the answer")

// serveHTTP passes one request on, with a fault or without.
func (p *Proxy) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.begin() {
		panic(http.ErrAbortHandler)
	}
	defer p.work.Done()
	body := bufio.NewReaderSize(r.Body, maxText)
	r.Body = struct {
		io.Reader
		io.Closer
	}{body, r.Body}
	text, err := requestText(r, body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	params := r.URL.Query()
	database := params.Get("database")
	if database == "" {
		database = r.Header.Get("X-ClickHouse-Database")
	}
	f, strikes := p.decide("http", database, text)
	if strikes && f.At != After {
		if f.At == Midway {
			_, _ = body.Peek(1) // the first data
		}
		f.wait(r.Context())
		if !f.late() {
			f.respond(w, r)
			return
		}
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(to *httputil.ProxyRequest) {
			to.Out.URL.Scheme, to.Out.URL.Host = "http", p.targets().HTTP
			to.Out.Host = to.In.Host
		},
		Transport:     p.transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if errors.Is(err, errStruck) {
				f.respond(w, r)
				return
			}
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				reset(conn)
			}
		},
	}
	if strikes && f.At == After {
		proxy.ModifyResponse = func(response *http.Response) error { return f.afterResponse(r, response) }
	}
	proxy.ServeHTTP(w, r)
}

// requestText is the statement of a request: the parameter or, without one, the
// beginning of a plain body.
func requestText(r *http.Request, body *bufio.Reader) (string, error) {
	params := r.URL.Query()
	if text := params.Get("query"); text != "" {
		return text, nil
	}
	if r.Header.Get("Content-Encoding") != "" || params.Get("decompress") == "1" {
		return "", nil
	}
	head, err := body.Peek(maxText)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the statement: %w", err)
	}
	return string(head), nil
}

// afterResponse waits for the whole answer. One that says that the statement has been
// done is replaced.
func (f Fault) afterResponse(r *http.Request, response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	f.wait(r.Context())
	if !f.late() {
		return errStruck
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// respond answers the client as the fault wants it.
func (f Fault) respond(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.Hang:
		// Only once the body has been read does the client's end show.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case f.Code == 0:
		panic(http.ErrAbortHandler)
	case f.Cut:
		w.Header().Set("Connection", "close")
	default:
		// ClickHouse reads the whole request before it answers with an error.
		_, _ = io.Copy(io.Discard, r.Body)
	}
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(f.Code))
	w.WriteHeader(status(proto.Error(f.Code)))
	_, _ = fmt.Fprintf(w, "Code: %d. %s\n", f.Code, f.text())
}
