package faultproxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
)

// errStruck means that the fault replaces the server's answer.
var errStruck = errors.New("the fault replaces the answer")

// serveHTTP forwards one request, with a fault or without.
func (p *Proxy) serveHTTP(w http.ResponseWriter, r *http.Request) {
	// ClickHouse can answer before the end of the request has been forwarded. Without full
	// duplex net/http then closes the request's body, and the transport the connection.
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		panic(http.ErrAbortHandler)
	}
	body := bufio.NewReaderSize(r.Body, maxText)
	r.Body = struct {
		io.Reader
		io.Closer
	}{body, r.Body}
	params := r.URL.Query()
	text := params.Get("query")
	if text == "" {
		head, _ := body.Peek(maxText) // a later read returns the error again
		text = string(head)
	}
	f, strikes := p.decide(r.Context(), params.Get("database"), text)
	if strikes && f.At != After {
		if f.At == Midway {
			_, _ = body.Peek(1) // the first data
		}
		f.respond(w, r)
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(to *httputil.ProxyRequest) { to.SetURL(&url.URL{Scheme: "http", Host: p.cfg.HTTP}) },
		Transport:     p.transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if !errors.Is(err, errStruck) {
				panic(http.ErrAbortHandler)
			}
			f.respond(w, r)
		},
	}
	if strikes {
		proxy.ModifyResponse = replaceSuccess
	}
	proxy.ServeHTTP(w, r)
}

// replaceSuccess reads the whole answer, so that the statement is executed. The fault
// replaces an answer that reports success.
func replaceSuccess(response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		return nil
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return errStruck
}

// respond answers the client with the fault. A panic closes the connection.
func (f Fault) respond(w http.ResponseWriter, r *http.Request) {
	f.wait(r.Context())
	if !f.Cut {
		// ClickHouse reads the whole request before it answers with an error. Only after
		// that does the context end with the connection.
		_, _ = io.Copy(io.Discard, r.Body)
	}
	if f.Hang {
		<-r.Context().Done()
	}
	if f.Hang || f.Code == 0 {
		panic(http.ErrAbortHandler)
	}
	if f.Cut {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(f.Code))
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = fmt.Fprintf(w, "Code: %d. %s\n", f.Code, f.text())
}
