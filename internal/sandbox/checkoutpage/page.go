// Package checkoutpage is a page of a publisher that sells subscriptions with promo codes. It
// shows the script of package checkout at work, against a stub of Piano's script: offline,
// and without inline scripts.
//
// The main path: the page (static/index.html) loads the stub (static/tp.js) and the script for
// the chosen code (/snippet.js). The script opens the stub's checkout with the code filled in.
// A purchase calls the script's handler, which posts its report to /report. The page lists the
// reports (/reports).
package checkoutpage

import (
	"embed"
	"encoding/json"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"sync"

	"github.com/pianola/pianola/internal/promo/checkout"
)

//go:embed static
var static embed.FS

// Offer is a promo code that the page can fill in.
type Offer struct {
	Code        string `json:"code"`
	PromotionID string `json:"promotion_id"`
	Name        string `json:"name"`
}

// Config is what the page sells.
type Config struct {
	OfferID, TermID string
	Offers          []Offer
	Audiences       []string
}

// Report is what the script reports.
type Report struct {
	Audience         string `json:"audience"`
	TermID           string `json:"termId"`
	PromotionID      string `json:"promotionId"`
	TermConversionID string `json:"termConversionId"`
}

// maxReports bounds the reports in memory, and maxReport one of them.
const (
	maxReports = 100
	maxReport  = 4 << 10
)

// Page is the page. It is safe for concurrent use.
type Page struct {
	cfg  Config
	html *template.Template
	mux  *http.ServeMux

	mu      sync.Mutex
	reports []Report // the last ones
}

// New creates the page.
func New(cfg Config) (*Page, error) {
	html, err := template.ParseFS(static, "static/index.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(static, "static")
	if err != nil {
		return nil, err
	}
	p := &Page{cfg: cfg, html: html, mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /{$}", p.index)
	p.mux.HandleFunc("GET /snippet.js", p.snippet)
	p.mux.HandleFunc("GET /prices", p.prices)
	p.mux.HandleFunc("POST /report", p.report)
	p.mux.HandleFunc("GET /reports", p.list)
	p.mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	p.mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(files)))
	return p, nil
}

// ServeHTTP implements http.Handler. The policy allows no inline script.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	p.mux.ServeHTTP(w, r)
}

// chosen is the snippet that the query chooses; the first code and audience without one. ok
// is false for a code that the page does not sell.
func (p *Page) chosen(r *http.Request) (s checkout.Snippet, ok bool) {
	s = checkout.Snippet{OfferID: p.cfg.OfferID, TermID: p.cfg.TermID, PromoCode: r.FormValue("code"), Audience: r.FormValue("audience"), ReportTo: "/report"}
	if s.PromoCode == "" && len(p.cfg.Offers) > 0 {
		s.PromoCode = p.cfg.Offers[0].Code
	}
	if s.Audience == "" && len(p.cfg.Audiences) > 0 {
		s.Audience = p.cfg.Audiences[0]
	}
	sold := slices.ContainsFunc(p.cfg.Offers, func(o Offer) bool { return o.Code == s.PromoCode })
	return s, sold && slices.Contains(p.cfg.Audiences, s.Audience) && s.Validate() == nil
}

func (p *Page) index(w http.ResponseWriter, r *http.Request) {
	s, ok := p.chosen(r)
	if !ok {
		http.Error(w, "the page does not have this code or audience", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = p.html.Execute(w, map[string]any{"Chosen": s, "Offers": p.cfg.Offers, "Audiences": p.cfg.Audiences}) // to a client that may have gone
}

func (p *Page) snippet(w http.ResponseWriter, r *http.Request) {
	s, ok := p.chosen(r)
	if !ok {
		http.Error(w, "the page does not have this code or audience", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	_, _ = w.Write([]byte(s.JavaScript()))
}

// prices is what the stub of Piano knows: the codes and their promotions.
func (p *Page) prices(w http.ResponseWriter, _ *http.Request) { answer(w, p.cfg.Offers) }

func (p *Page) report(w http.ResponseWriter, r *http.Request) {
	var one Report
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReport)).Decode(&one); err != nil || one.TermID != p.cfg.TermID {
		http.Error(w, "this is no report of the script", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports = append(p.reports, one)
	if len(p.reports) > maxReports {
		p.reports = p.reports[1:]
	}
	w.WriteHeader(http.StatusNoContent)
}

// Reports are the last reports.
func (p *Page) Reports() []Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.reports)
}

func (p *Page) list(w http.ResponseWriter, _ *http.Request) {
	answer(w, append([]Report{}, p.Reports()...)) // an empty list is not null
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // to a client that may have gone
}
