package care

import (
	"fmt"
	"net/http"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// conversionData returns where a conversion was made. Its fields have no envelope key.
func (d *Desk) conversionData(r *http.Request) wire.Answer {
	if a, missing := wire.Missing(r, "term_conversion_id"); missing {
		return a
	}
	c := d.conversionByID(r.Form.Get("term_conversion_id"))
	if c == nil {
		return wire.Failed(wire.CodeNotFound, "Conversion not found")
	}
	key := c.owner.UID
	offer := 1 + d.draw("offer", c.access.id)%offers
	var term *string
	country := "DK"
	if c.holding != nil {
		term, country = &c.holding.Subscription.Term.ID, c.holding.Country
	}
	return wire.Fields(map[string]any{
		"aid": d.cfg.AID, "offer_id": fmt.Sprintf("OF%d", offer), "term_id": term, "offer_template_id": fmt.Sprintf("OT%d", offer),
		"template_id": nil, "uid": c.owner.UID, "user_country": country, "user_region": pianoapi.CanaryPlace + " region",
		"user_city": pianoapi.CanaryPlace + " city", "zip": pianoapi.CanaryPlace + " 2100",
		"latitude": pianoapi.CanaryPlace + " 55.6", "longitude": pianoapi.CanaryPlace + " 12.5",
		"user_agent": "Mozilla/5.0 (" + pianoapi.CanaryPlace + ")", "locale": "da_DK",
		"hour":    time.UnixMilli(int64(c.at)).UTC().Format("2006010215"),
		"url":     "https://paper.example/offer?reader=" + pianoapi.CanaryPlace,
		"browser": []string{"chrome", "firefox", "safari"}[d.draw("browser", key)%3], "platform": []string{"desktop", "mobile", "tablet"}[d.draw("platform", key)%3],
		"operating_system": []string{"windows", "ios", "android", "mac"}[d.draw("system", key)%4],
		"tags":             "[subscribe, news]", "content_created": nil, "content_author": nil, "content_section": "news",
		"campaigns": []string{[]string{"spring-mail", "banner", "partner"}[d.draw("campaign", key)%3]},
	})
}
