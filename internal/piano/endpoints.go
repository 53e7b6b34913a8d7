package piano

import "net/http"

// Endpoint is one call of Piano's APIs. The client can make only the calls of this file.
//
// The verb does not say whether a call is safe to repeat: Piano grants access and refunds
// payments by GET, and answers many reads by POST. Nothing in the API identifies a
// repeated request. So each call states its effect.
type Endpoint struct {
	path    string
	method  string
	reports bool // of the reports API (piano.reports_url)
	effect  effect
	// payload names the keys under which the payload was seen, the usual one first.
	payload []string
}

// effect is what a call does to Piano's data, and so whether it may be repeated.
type effect int

const (
	// reads: it changes nothing, and is repeated after every failure that may pass.
	reads effect = iota
	// changesOnce: it is sent once. Without a clear answer the error is ErrOutcomeUnknown. It
	// is not repeated even where Piano certainly did nothing: the caller looks again.
	changesOnce
	// changesHarmless: it is repeated where Piano certainly did nothing.
	changesHarmless
)

var (
	listSubscriptions = reading(http.MethodGet, "/publisher/subscription/list", "subscriptions")
	getSubscription   = reading(http.MethodGet, "/publisher/subscription/get", "subscription")

	canChangeTerm    = reading(http.MethodPost, "/publisher/term/change/can", "data")
	changeTerm       = once(http.MethodPost, "/publisher/term/change/do", "data")
	cancelTermChange = once(http.MethodPost, "/publisher/term/change/cancel", "data")
	termChangeStatus = reading(http.MethodPost, "/publisher/term/change/getSubscriptionUpgradeStatus", "subscription_upgrade_status", "data")

	// Another export does no harm, but each takes Piano up to an hour.
	scheduleExport = ofReports(Endpoint{path: "/export/schedule/vx/subscriptionLog", method: http.MethodPost, effect: changesHarmless, payload: []string{"export", "data"}})
	exportStatus   = ofReports(reading(http.MethodGet, "/export/status", "export", "data"))
	exportURL      = ofReports(reading(http.MethodGet, "/export/download/url", "data"))
)

// The calls of customer care and of promotions.
var (
	ListUsers    = reading(http.MethodPost, "/publisher/user/list", "users")
	SearchUsers  = reading(http.MethodPost, "/publisher/user/search", "users")
	GetUser      = reading(http.MethodPost, "/publisher/user/get", "user", "User")
	ListTerms    = reading(http.MethodGet, "/publisher/term/list", "terms")
	GetFeatures  = reading(http.MethodGet, "/publisher/app/features/get", "features", "app_features", "data")
	ListResource = reading(http.MethodGet, "/publisher/resource/list", "resources")

	ListAccess   = reading(http.MethodGet, "/publisher/user/access/list", "accesses")
	GrantAccess  = once(http.MethodGet, "/publisher/user/access/grant", "access", "accesses", "data")
	UpdateAccess = once(http.MethodPost, "/publisher/user/access/update", "access", "data")
	RevokeAccess = once(http.MethodGet, "/publisher/user/access/revoke", "access", "data")

	SubscriptionStats       = reading(http.MethodPost, "/publisher/subscription/stats", "subscriptions", "data")
	ResumeSubscription      = once(http.MethodPost, "/publisher/subscription/resume", "data")
	UpdateSubscription      = once(http.MethodPost, "/publisher/subscription/update", "data", "subscription")
	CancelSubscription      = once(http.MethodPost, "/publisher/subscription/cancel", "data")
	CancelSubscriptionAtEnd = once(http.MethodPost, "/publisher/subscription/cancel/deferred", "data")

	ListConversions = reading(http.MethodGet, "/publisher/conversion/list", "conversions")

	GetPayment              = reading(http.MethodGet, "/publisher/payment/get", "payment", "user_payment", "UserPayment")
	PaymentRefundablePartly = reading(http.MethodGet, "/publisher/payment/isPartialRefund", "data")
	RefundPayment           = once(http.MethodGet, "/publisher/payment/refund", "refund", "user_payment_refund", "data")
	GetPaymentMethod        = reading(http.MethodGet, "/publisher/payment/method/get", "user_payment_info", "payment_method", "data")

	ListInquiries       = reading(http.MethodGet, "/publisher/inquiry/list", "inquiries", "payment_inquiries", "data")
	ListInquiryComments = reading(http.MethodGet, "/publisher/inquiry/comments", "comments", "inquiry_comments", "data")
	ListInquiryActions  = reading(http.MethodGet, "/publisher/inquiry/inquiryActions", "actions", "inquiry_actions", "data")
	CountOpenInquiries  = reading(http.MethodGet, "/publisher/inquiry/unresolvedCount", "data")
	AddToInquiry        = once(http.MethodGet, "/publisher/inquiry/add", "inquiry", "payment_inquiry", "data")

	ListNotes  = reading(http.MethodGet, "/publisher/user/note/list", "notes", "user_notes", "data")
	CreateNote = once(http.MethodPost, "/publisher/user/note/create", "note", "user_note", "data")
	UpdateNote = once(http.MethodPost, "/publisher/user/note/update", "note", "user_note", "data")

	ListMails = reading(http.MethodGet, "/publisher/user/email/list", "emails")

	ListPromotions      = reading(http.MethodGet, "/publisher/promotion/list", "promotions")
	GetPromotion        = reading(http.MethodGet, "/publisher/promotion/get", "promotion")
	CreatePromotion     = once(http.MethodPost, "/publisher/promotion/create", "promotion")
	GenerateCodes       = once(http.MethodPost, "/publisher/promotion/generate", "promotion")
	AddFixedDiscount    = once(http.MethodGet, "/publisher/promotion/fixedDiscount/add", "promotion_fixed_discount", "data")
	ListPromotionTerms  = reading(http.MethodGet, "/publisher/promotion/term/list", "terms")
	AddPromotionTerm    = once(http.MethodPost, "/publisher/promotion/term/add", "data")
	ListPromotionCodes  = reading(http.MethodGet, "/publisher/promotion/code/list", "promo_codes", "data")
	CreatePromotionCode = once(http.MethodGet, "/publisher/promotion/code/create", "PromoCode", "promo_code")
)

func reading(method, path string, payload ...string) Endpoint {
	return Endpoint{path: path, method: method, payload: payload}
}

func once(method, path string, payload ...string) Endpoint {
	return Endpoint{path: path, method: method, effect: changesOnce, payload: payload}
}

func ofReports(e Endpoint) Endpoint {
	e.reports = true
	return e
}

// Path is its path in the API, such as /publisher/subscription/list.
func (e Endpoint) Path() string { return e.path }

// Method is its verb. It does not say whether the call changes something.
func (e Endpoint) Method() string { return e.method }

// Changes reports whether the call may change something.
func (e Endpoint) Changes() bool { return e.effect != reads }

// setting is the key that configures the address of its API.
func (e Endpoint) setting() string {
	if e.reports {
		return "piano.reports_url"
	}
	return "piano.base_url"
}
