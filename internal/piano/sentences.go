package piano

import (
	"encoding/json"
	"strings"
	"unicode"
)

// Piano's error texts are shown only where the whole text is a known sentence. Every word
// of English can be a name ("User Will Page not found"), so no choice of words is safe. The
// code of an error has its meaning in codes.go.
var sentences = func() map[string]bool {
	known := map[string]bool{}
	for sentence := range strings.Lines(`access denied
api token is invalid
app not found
application not found
auto renew cannot be changed
bad gateway
bad request
cancel failed
error
export failed
export is not finished
export not found
failed
forbidden
gateway timeout
internal error
internal server error
invalid aid
invalid api token
invalid app
invalid date
invalid parameter
invalid parameters
invalid request
invalid subscription
invalid token
invalid uid
invalid user
limit exceeded
method not allowed
next bill date must be in the future
no such subscription
no such term
no such user
not authorized
not found
not now
payment method not found
rate limit exceeded
refund failed
report not found
request timeout
resource not found
service temporarily unavailable
service unavailable
subscription cannot be cancelled
subscription cannot be changed
subscription does not exist
subscription not found
term change not found
term change option not found
term does not exist
term not found
the export is not finished
the report could not be made
the report could not be created
timeout
token expired
token is invalid
too many requests
try again later
unauthorized
unexpected error
unknown error
user does not exist
user not found
validation error
validation failed
can not be empty
cannot be empty
date must be in the future
is invalid
is missing
is out of order
is required
is unknown
may not be null
must be a date
must be a number
must be a number from 0 on
must be a number from 1 on
must be positive
must be true or false
must not be blank
must not be empty
must not be null
required
unknown`) {
		known[strings.TrimSpace(sentence)] = true
	}
	return known
}()

// withheld replaces a text that is not a known sentence.
const withheld = "Piano's text is not shown: it may contain a name"

// sentence returns a text of Piano where it is a known sentence, without regard to case
// and punctuation. For another text it returns withheld.
func sentence(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	switch known := strings.Join(words, " "); {
	case known == "":
		return ""
	case sentences[known]:
		return known
	default:
		return withheld
	}
}

// parameters are the names that a validation error may have: those that the client sends.
var parameters = map[string]bool{
	"access_id": true, "action": true, "aid": true, "amount": true, "api_token": true, "attribute_groups": true, "auto_renew": true, "billing_timing": true, "export_id": true,
	"expire_date": true,
	"file_name":   true, "immediate_access": true, "internal": true, "limit": true, "next_bill_date": true, "offset": true, "payment_inquiry_id": true, "payment_method_id": true, "promotion_id": true, "prorate_access": true, "start_date_from": true,
	"start_date_to": true, "refund_last_payment": true, "revoke_access": true, "rid": true, "send_email": true,
	"status": true, "subscription_from": true, "subscription_id": true, "term_to": true,
	"term_to_period_id": true, "type": true, "uid": true,
	"user_payment_id": true,
}

func parameter(name string) string {
	if parameters[name] {
		return name
	}
	return "another parameter"
}

// validation is the text of a validation error.
func validation(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if known := sentence(text); known != "" && known != withheld {
			return known
		}
	}
	return "invalid"
}
