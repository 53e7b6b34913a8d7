package piano

import "net/http"

// SetTransport puts a test's own network under a client.
func SetTransport(c *Client, t http.RoundTripper) { c.http.Transport, c.single.Transport = t, t }

// SetMaxExport lowers the limit of an export's file.
func SetMaxExport(c *Client, bytes int64) { c.maxExport = bytes }

// Reading and Changing return the transports of reads and of changes.
func Reading(c *Client) *http.Transport { return c.http.Transport.(*http.Transport) }

// Changing is Reading for requests that change something.
func Changing(c *Client) *http.Transport { return c.single.Transport.(*http.Transport) }

// Endpoints are all calls of endpoints.go, by their names there.
func Endpoints() map[string]Endpoint {
	return map[string]Endpoint{
		"listSubscriptions":       listSubscriptions,
		"getSubscription":         getSubscription,
		"canChangeTerm":           canChangeTerm,
		"changeTerm":              changeTerm,
		"cancelTermChange":        cancelTermChange,
		"termChangeStatus":        termChangeStatus,
		"scheduleExport":          scheduleExport,
		"exportStatus":            exportStatus,
		"exportURL":               exportURL,
		"ListUsers":               ListUsers,
		"SearchUsers":             SearchUsers,
		"GetUser":                 GetUser,
		"ListTerms":               ListTerms,
		"GetFeatures":             GetFeatures,
		"ListResource":            ListResource,
		"ListAccess":              ListAccess,
		"GrantAccess":             GrantAccess,
		"UpdateAccess":            UpdateAccess,
		"RevokeAccess":            RevokeAccess,
		"SubscriptionStats":       SubscriptionStats,
		"ResumeSubscription":      ResumeSubscription,
		"UpdateSubscription":      UpdateSubscription,
		"CancelSubscription":      CancelSubscription,
		"CancelSubscriptionAtEnd": CancelSubscriptionAtEnd,
		"ListConversions":         ListConversions,
		"GetPayment":              GetPayment,
		"PaymentRefundablePartly": PaymentRefundablePartly,
		"RefundPayment":           RefundPayment,
		"GetPaymentMethod":        GetPaymentMethod,
		"ListInquiries":           ListInquiries,
		"ListInquiryComments":     ListInquiryComments,
		"ListInquiryActions":      ListInquiryActions,
		"CountOpenInquiries":      CountOpenInquiries,
		"AddToInquiry":            AddToInquiry,
		"ListNotes":               ListNotes,
		"CreateNote":              CreateNote,
		"UpdateNote":              UpdateNote,
		"ListMails":               ListMails,
		"ListPromotions":          ListPromotions,
		"GetPromotion":            GetPromotion,
		"CreatePromotion":         CreatePromotion,
		"GenerateCodes":           GenerateCodes,
		"AddFixedDiscount":        AddFixedDiscount,
		"ListPromotionTerms":      ListPromotionTerms,
		"AddPromotionTerm":        AddPromotionTerm,
		"ListPromotionCodes":      ListPromotionCodes,
		"CreatePromotionCode":     CreatePromotionCode,
	}
}

// Repeats reports whether a call may be made again after a failure.
func Repeats(e Endpoint) bool { return e.effect != changesOnce }
