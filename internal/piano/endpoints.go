package piano

import "net/http"

// endpoint is one call of Piano's APIs. The client can make only the calls of this file.
//
// The verb does not say whether a call is safe to repeat: Piano grants access and refunds
// payments by GET, and answers many reads by POST. Nothing in the API identifies a
// repeated request. So each call states whether it changes something.
type endpoint struct {
	path    string
	method  string
	reports bool // of the reports API (piano.reports_url)
	// changes: the call may change something. It is sent once, and without a clear answer
	// the error is ErrOutcomeUnknown.
	changes bool
	// payload names the keys under which the payload was seen, the usual one first.
	payload []string
}

var (
	listSubscriptions = endpoint{path: "/publisher/subscription/list", method: http.MethodGet, payload: []string{"subscriptions"}}
	getSubscription   = endpoint{path: "/publisher/subscription/get", method: http.MethodGet, payload: []string{"subscription"}}

	resumeSubscription = endpoint{path: "/publisher/subscription/resume", method: http.MethodPost, changes: true, payload: []string{"data"}}
	updateSubscription = endpoint{path: "/publisher/subscription/update", method: http.MethodPost, changes: true, payload: []string{"data"}}

	canChangeTerm    = endpoint{path: "/publisher/term/change/can", method: http.MethodPost, payload: []string{"data"}}
	changeTerm       = endpoint{path: "/publisher/term/change/do", method: http.MethodPost, changes: true, payload: []string{"data"}}
	cancelTermChange = endpoint{path: "/publisher/term/change/cancel", method: http.MethodPost, changes: true, payload: []string{"data"}}
	termChangeStatus = endpoint{path: "/publisher/term/change/getSubscriptionUpgradeStatus", method: http.MethodPost,
		payload: []string{"subscription_upgrade_status", "data"}}

	// Another export does no harm, but each takes Piano up to an hour.
	scheduleExport = endpoint{path: "/export/schedule/vx/subscriptionLog", method: http.MethodPost, reports: true, changes: true, payload: []string{"export", "data"}}
	exportStatus   = endpoint{path: "/export/status", method: http.MethodGet, reports: true, payload: []string{"export", "data"}}
	exportURL      = endpoint{path: "/export/download/url", method: http.MethodGet, reports: true, payload: []string{"data"}}
)

// setting is the key that configures the address of its API.
func (e endpoint) setting() string {
	if e.reports {
		return "piano.reports_url"
	}
	return "piano.base_url"
}
