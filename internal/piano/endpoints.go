package piano

import "net/http"

// Endpoint is one call of Piano's APIs. The client can make only the calls of
// this file and of endpoints_care.go.
//
// The verb does not say whether a call is safe to repeat: Piano grants access and refunds
// payments by GET, and answers many reads by POST. Nothing in the API identifies a
// repeated request. So each call states whether it changes something.
type Endpoint struct {
	path    string
	method  string
	reports bool // of the reports API (piano.reports_url)
	// changes: the call may change something. It is sent once, and without a clear answer
	// the error is ErrOutcomeUnknown.
	changes bool
	// once: a request that changes something is not repeated even where Piano certainly did
	// nothing. The caller looks again and decides.
	once bool
	// payload names the keys under which the payload was seen, the usual one first.
	payload []string
}

var (
	listSubscriptions = Endpoint{path: "/publisher/subscription/list", method: http.MethodGet, payload: []string{"subscriptions"}}
	getSubscription   = Endpoint{path: "/publisher/subscription/get", method: http.MethodGet, payload: []string{"subscription"}}

	resumeSubscription = Endpoint{path: "/publisher/subscription/resume", method: http.MethodPost, changes: true, payload: []string{"data"}}
	updateSubscription = Endpoint{path: "/publisher/subscription/update", method: http.MethodPost, changes: true, payload: []string{"data"}}

	canChangeTerm    = Endpoint{path: "/publisher/term/change/can", method: http.MethodPost, payload: []string{"data"}}
	changeTerm       = Endpoint{path: "/publisher/term/change/do", method: http.MethodPost, changes: true, payload: []string{"data"}}
	cancelTermChange = Endpoint{path: "/publisher/term/change/cancel", method: http.MethodPost, changes: true, payload: []string{"data"}}
	termChangeStatus = Endpoint{path: "/publisher/term/change/getSubscriptionUpgradeStatus", method: http.MethodPost,
		payload: []string{"subscription_upgrade_status", "data"}}

	// Another export does no harm, but each takes Piano up to an hour.
	scheduleExport = Endpoint{path: "/export/schedule/vx/subscriptionLog", method: http.MethodPost, reports: true, changes: true, payload: []string{"export", "data"}}
	exportStatus   = Endpoint{path: "/export/status", method: http.MethodGet, reports: true, payload: []string{"export", "data"}}
	exportURL      = Endpoint{path: "/export/download/url", method: http.MethodGet, reports: true, payload: []string{"data"}}
)

// Path is its path in the API, such as /publisher/subscription/list.
func (e Endpoint) Path() string { return e.path }

// Method is its verb. It does not say whether the call changes something.
func (e Endpoint) Method() string { return e.method }

// Changes reports whether the call may change something.
func (e Endpoint) Changes() bool { return e.changes }

// setting is the key that configures the address of its API.
func (e Endpoint) setting() string {
	if e.reports {
		return "piano.reports_url"
	}
	return "piano.base_url"
}
