// Package checkout writes the script that a publisher puts on a page: it opens Piano's
// checkout with a promo code filled in, and reports the conversion.
//
// Words:
//
//   - audience: who is shown the page: a segment, or an arm of an experiment. The publisher
//     targets it with the exported user ids; the script only names it in its report.
//   - report: audience, term, promotion and conversion. It has no user and no amount, so it
//     may go to any analytics.
//
// The script is a file of its own, so a Content-Security-Policy without inline scripts
// allows it. Values from outside are literals of JSON, which no text can leave, also inside
// an HTML page.
package checkout

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Snippet is what the script needs.
type Snippet struct {
	OfferID    string `json:"offer_id"`
	TermID     string `json:"term_id"`
	TemplateID string `json:"template_id,omitempty"` // empty: the offer's own
	PromoCode  string `json:"promo_code"`
	Audience   string `json:"audience"`
	// ReportTo is a path of the page's own site that receives the report; empty for none.
	// The page gets it as an event in any case.
	ReportTo string `json:"report_to,omitempty"`
}

// EventName is the event of the document that has the report as its detail.
const EventName = "pianola:conversion"

var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Validate reports every mistake at once.
func (s *Snippet) Validate() error {
	var errs []error
	check := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	check(idForm.MatchString(s.OfferID), "offer: want the id of an offer")
	check(idForm.MatchString(s.TermID), "term: want the id of a term")
	check(s.TemplateID == "" || idForm.MatchString(s.TemplateID), "template: want the id of a template")
	for name, text := range map[string]string{"code": s.PromoCode, "audience": s.Audience} {
		check(strings.TrimSpace(text) != "" && utf8.ValidString(text) && utf8.RuneCountInString(text) <= 500 && !strings.ContainsFunc(text, unicode.IsControl),
			name+": want 1 to 500 printable characters")
	}
	if s.ReportTo != "" {
		// The report must not go to another site.
		u, err := url.Parse(s.ReportTo)
		check(err == nil && u.Host == "" && u.Scheme == "" && strings.HasPrefix(s.ReportTo, "/") && !strings.HasPrefix(s.ReportTo, "//") && !strings.ContainsFunc(s.ReportTo, isUnsafe),
			"report: want a path of the page's own site, such as /conversion")
	}
	return errors.Join(errs...)
}

// isUnsafe finds what browsers read as another separator.
func isUnsafe(r rune) bool { return r == '\\' || unicode.IsSpace(r) || unicode.IsControl(r) }

// literal is a value as a JavaScript literal. encoding/json escapes <, >, &, U+2028 and
// U+2029, so the text can neither end a script element nor a line.
func literal(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts only
	}
	return string(text)
}

// JavaScript is the script. The snippet must be valid.
func (s *Snippet) JavaScript() string {
	type offer struct {
		OfferID    string `json:"offerId"`
		TermID     string `json:"termId"`
		TemplateID string `json:"templateId,omitempty"`
		PromoCode  string `json:"promoCode"`
	}
	return fmt.Sprintf(script, literal(offer{s.OfferID, s.TermID, s.TemplateID, s.PromoCode}), literal(s.Audience), literal(s.ReportTo), literal(EventName))
}

const script = `(function () {
  "use strict";
  var offer = %s;
  var audience = %s;
  var reportTo = %s;

  // The ids of the conversion. Nothing else that Piano hands over is used.
  function report(conversion) {
    if (!conversion || conversion.termId !== offer.termId) { return; }
    var text = function (value) { return value === undefined || value === null ? "" : String(value); };
    var detail = {
      audience: audience,
      termId: offer.termId,
      promotionId: text(conversion.promotionId),
      termConversionId: text(conversion.termConversionId)
    };
    document.dispatchEvent(new CustomEvent(%s, { detail: detail }));
    if (reportTo) {
      // Sent even while the page is left.
      fetch(reportTo, {
        method: "POST",
        credentials: "same-origin",
        keepalive: true,
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(detail)
      }).catch(function () {});
    }
  }

  var tp = window.tp = window.tp || [];
  tp.push(["addHandler", "checkoutComplete", report]);
  tp.push(["init", function () { window.tp.offer.show(offer); }]);
})();
`

// Callback is a script of the page that receives the report of each conversion, as the
// event EventName. It shows where the page's own code goes.
func Callback() string { return fmt.Sprintf(callback, literal(EventName)) }

const callback = `document.addEventListener(%s, function (event) {
  // audience, termId, promotionId and termConversionId: no user, no amount.
  var conversion = event.detail;
  window.dataLayer = window.dataLayer || [];
  window.dataLayer.push({ event: "promo_conversion", conversion: conversion });
});
`
