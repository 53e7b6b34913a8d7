package wire

// The codes of Piano that the simulation answers. They come with status 200.
const (
	CodeAccess        = 2
	CodeInvalid       = 400
	CodeInvalidUser   = 401
	CodeInvalidAID    = 402
	CodeNotFound      = 404
	CodeInvalidExpiry = 406
	CodeInvalidApp    = 602
	CodeNoResource    = 805
	CodeNoTerm        = 1001
	CodeNoChange      = 1012
	CodeInvalidUID    = 2001
	CodeNoUser        = 2004

	CodePercentMissing  = 3000
	CodeBadFixedAmount  = 3002
	CodeBadPeriod       = 3003
	CodeFixedAndPrefix  = 3004
	CodeLimitReached    = 3005
	CodeClaimedCodes    = 3009
	CodeInvalidCurrency = 3012
	CodeForeignCurrency = 3013
	CodeCurrencyTaken   = 3015

	CodeNoRecipient      = 5001 // neither uid nor emails
	CodeUnknownEmail     = 5002
	CodeInvalidAccess    = 5003
	CodeSubscribedAccess = 5007

	CodeNextBill       = 8001
	CodeCancelFailed   = 8002
	CodeRefundFailed   = 8004 // and the subscription is not cancelled
	CodeNoSubscription = 8005

	CodeUnknownAction   = 12002
	CodeCommentNeeded   = 12003
	CodeCommentTooLong  = 12004
	CodeInquiryResolved = 12005
	CodeCommentLimit    = 12006

	CodePaymentRefund = 14001
	CodeRefundAmount  = 14002
	CodeNotISO4217    = 16001
)
