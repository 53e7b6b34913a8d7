package piano

import "net/http"

// The calls of customer care and of promotions. One that changes something is sent once:
// nothing in the API identifies a repeated request.
var (
	ListUsers    = reading(http.MethodPost, "/publisher/user/list", "users")
	SearchUsers  = reading(http.MethodPost, "/publisher/user/search", "users")
	GetUser      = reading(http.MethodPost, "/publisher/user/get", "user", "User")
	GetFeatures  = reading(http.MethodGet, "/publisher/app/features/get", "features", "app_features", "data")
	ListResource = reading(http.MethodGet, "/publisher/resource/list", "resources")

	ListAccess         = reading(http.MethodGet, "/publisher/user/access/list", "accesses")
	CheckAccess        = reading(http.MethodGet, "/publisher/user/access/check", "access")
	GrantAccess        = changing(http.MethodGet, "/publisher/user/access/grant", "access", "accesses", "data")
	GrantAccessToUsers = changing(http.MethodGet, "/publisher/user/access/grantToUsers", "data")
	UpdateAccess       = changing(http.MethodPost, "/publisher/user/access/update", "access", "data")
	RevokeAccess       = changing(http.MethodGet, "/publisher/user/access/revoke", "access", "data")

	SubscriptionStats            = reading(http.MethodPost, "/publisher/subscription/stats", "subscriptions", "data")
	SubscriptionRefundablePartly = reading(http.MethodPost, "/publisher/subscription/isPartiallyRefundable", "data")
	UpdateSubscription           = changing(http.MethodPost, "/publisher/subscription/update", "data", "subscription")
	CancelSubscription           = changing(http.MethodPost, "/publisher/subscription/cancel", "data")
	CancelSubscriptionAtEnd      = changing(http.MethodPost, "/publisher/subscription/cancel/deferred", "data")

	ListConversions = reading(http.MethodGet, "/publisher/conversion/list", "conversions")
	GetConversion   = reading(http.MethodGet, "/publisher/conversion/get", "conversion")
	LastConversion  = reading(http.MethodGet, "/publisher/conversion/lastAccess", "conversion")

	GetPayment              = reading(http.MethodGet, "/publisher/payment/get", "payment", "user_payment", "UserPayment")
	PaymentRefundablePartly = reading(http.MethodGet, "/publisher/payment/isPartialRefund", "data")
	RefundPayment           = changing(http.MethodGet, "/publisher/payment/refund", "refund", "user_payment_refund", "data")
	GetPaymentMethod        = reading(http.MethodGet, "/publisher/payment/method/get", "user_payment_info", "payment_method", "data")

	ListInquiries       = reading(http.MethodGet, "/publisher/inquiry/list", "inquiries", "payment_inquiries", "data")
	GetInquiry          = reading(http.MethodGet, "/publisher/inquiry/details", "inquiry", "payment_inquiry", "data")
	ListInquiryComments = reading(http.MethodGet, "/publisher/inquiry/comments", "comments", "inquiry_comments", "data")
	ListInquiryActions  = reading(http.MethodGet, "/publisher/inquiry/inquiryActions", "actions", "inquiry_actions", "data")
	CountOpenInquiries  = reading(http.MethodGet, "/publisher/inquiry/unresolvedCount", "data")
	AddToInquiry        = changing(http.MethodGet, "/publisher/inquiry/add", "inquiry", "payment_inquiry", "data")

	ListNotes  = reading(http.MethodGet, "/publisher/user/note/list", "notes", "user_notes", "data")
	CreateNote = changing(http.MethodPost, "/publisher/user/note/create", "note", "user_note", "data")

	ListMails = reading(http.MethodGet, "/publisher/user/email/list", "emails")
	GetMail   = reading(http.MethodGet, "/publisher/user/email/get", "email")

	ListPromotions         = reading(http.MethodGet, "/publisher/promotion/list", "promotions")
	GetPromotion           = reading(http.MethodGet, "/publisher/promotion/get", "promotion")
	CreatePromotion        = changing(http.MethodPost, "/publisher/promotion/create", "promotion")
	UpdatePromotion        = changing(http.MethodPost, "/publisher/promotion/update", "promotion")
	GenerateCodes          = changing(http.MethodPost, "/publisher/promotion/generate", "promotion")
	AddFixedDiscount       = changing(http.MethodGet, "/publisher/promotion/fixedDiscount/add", "promotion_fixed_discount", "data")
	ListPromotionTerms     = reading(http.MethodGet, "/publisher/promotion/term/list", "terms")
	AddPromotionTerm       = changing(http.MethodPost, "/publisher/promotion/term/add", "data")
	ListPromotionCodes     = reading(http.MethodGet, "/publisher/promotion/code/list", "promo_codes", "data")
	CountPromotionCodes    = reading(http.MethodGet, "/publisher/promotion/code/count", "data")
	GetPromotionCode       = reading(http.MethodGet, "/publisher/promotion/code/get", "promo_code", "PromoCode")
	CreatePromotionCode    = changing(http.MethodGet, "/publisher/promotion/code/create", "PromoCode", "promo_code")
	ListApplicableTerms    = reading(http.MethodGet, "/publisher/term/applicable", "terms")
	PromotionTotalByCharge = reading(http.MethodGet, "/publisher/promotion/total", "data")
)

func reading(method, path string, payload ...string) Endpoint {
	return Endpoint{path: path, method: method, payload: payload}
}

func changing(method, path string, payload ...string) Endpoint {
	return Endpoint{path: path, method: method, changes: true, once: true, payload: payload}
}
