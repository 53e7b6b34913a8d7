package piano

// answerCode is what is known about a code of Piano.
type answerCode struct {
	hint  string // its meaning, or what to do
	cause error  // the sentinel that it means; may be nil
	// unclear: the code may also come from a failure in the middle of a change.
	unclear bool
}

// codeAccess is the code of a token without the right.
const codeAccess = 2

// codes are the known codes of the client's calls. Piano sends them with status 200.
var codes = map[int]answerCode{
	1:          {hint: "an internal error of Piano", cause: ErrBusy, unclear: true},
	codeAccess: {hint: "check piano.api_token and piano.aid, and the token's rights", cause: ErrAccess},
	302:        {hint: "the first date is after the last"},
	400:        {hint: "Piano does not accept the parameters"},
	401:        {hint: "Piano does not accept the user"},
	402:        {hint: "Piano does not know the application: check piano.aid", cause: ErrAccess},
	404:        {hint: "Piano has no such object", cause: ErrNotFound},
	602:        {hint: "Piano does not know the application: check piano.aid", cause: ErrAccess},
	406:        {hint: "Piano does not accept the expiry date"},
	600:        {hint: "the application may not create users"},
	612:        {hint: "the application may not change the address"},
	805:        {hint: "there is no such resource in this application"},
	1001:       {hint: "there is no such term in this application"},
	1002:       {hint: "the term has the wrong type"},
	1003:       {hint: "the access period is negative"},
	1008:       {hint: "Piano does not accept the grace period"},
	1009:       {hint: "the user already has access"},
	1010:       {hint: "the user is already registered"},
	1012:       {hint: "the terms have no such change option in Piano", cause: ErrNotFound},
	2001:       {hint: "Piano does not accept the user id"},
	2002:       {hint: "Piano does not accept the e-mail address"},
	2004:       {cause: ErrNoUser},
	3000:       {hint: "the percentage is missing"},
	3002:       {hint: "Piano does not accept the fixed amount"},
	3003:       {hint: "Piano does not accept the period"},
	3004:       {hint: "give either a fixed code or a prefix"},
	3005:       {hint: "the promotion has no uses left"},
	3009:       {hint: "the promotion has claimed codes, so it cannot be deleted"},
	3012:       {hint: "Piano does not accept the currency"},
	3013:       {hint: "the application does not have the currency"},
	3015:       {hint: "the promotion has a discount in this currency already"},
	5001:       {hint: "Piano needs a user or an e-mail address"},
	5002:       {hint: "no user has this e-mail address", cause: ErrNoUser},
	5003:       {hint: "there is no such access in this application", cause: ErrNotFound},
	5007:       {hint: "cancel the subscription instead", cause: ErrOfSubscription},
	8001:       {hint: "the next bill date must be in the future"},
	8002:       {hint: "Piano could not cancel or refund"},
	8004:       {hint: "Piano could not refund, and did not cancel"},
	8005:       {hint: "there is no such subscription in this application", cause: ErrNotFound},
	11001:      {hint: "the export is not finished"},
	11003:      {hint: "the filter of the export is not possible"},
	11004:      {hint: "the end date of the export must be before today"},
	11005:      {hint: "this export cannot be created again"},
	11006:      {hint: "Piano does not accept the form of a date"},
	12002:      {hint: "the inquiry does not allow this action"},
	12003:      {hint: "the comment is missing"},
	12004:      {hint: "the comment has more than 3000 characters"},
	12005:      {hint: "the inquiry is resolved and takes no more comments; the customer has to open a new one"},
	12006:      {hint: "the inquiry takes no more comments"},
	13013:      {hint: "the user has no payment method"},
	14001:      {hint: "the payment provider refused the refund"},
	14002:      {hint: "Piano does not accept the amount of the refund"},
	14102:      {hint: "the payment provider is not configured in Piano"},
	16001:      {hint: "the currency is not a code of ISO 4217"},
}
