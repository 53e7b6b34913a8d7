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

// CareEndpoints are all calls of endpoints_care.go.
func CareEndpoints() []Endpoint {
	return []Endpoint{
		ListUsers, SearchUsers, GetUser, GetFeatures, ListResource, ListAccess, CheckAccess, GrantAccess, GrantAccessToUsers, UpdateAccess, RevokeAccess,
		SubscriptionStats, SubscriptionRefundablePartly, UpdateSubscription, CancelSubscription, CancelSubscriptionAtEnd,
		ListConversions, GetConversion, LastConversion, GetPayment, PaymentRefundablePartly, RefundPayment, GetPaymentMethod,
		ListInquiries, GetInquiry, ListInquiryComments, ListInquiryActions, CountOpenInquiries, AddToInquiry,
		ListNotes, CreateNote, ListMails, GetMail,
		ListPromotions, GetPromotion, CreatePromotion, UpdatePromotion, GenerateCodes, AddFixedDiscount, ListPromotionTerms, AddPromotionTerm,
		ListPromotionCodes, CountPromotionCodes, GetPromotionCode, CreatePromotionCode, ListApplicableTerms, PromotionTotalByCharge,
	}
}
