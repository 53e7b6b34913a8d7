package transform

import "github.com/pianola/pianola/schemas"

// refusal is why a message becomes a dead letter. The detail is a fixed sentence:
// it may contain positions and limits, but nothing of the message (contract §1).
type refusal struct {
	reason schemas.Reason
	field  field
	detail string
}

const (
	notAnObjectDetail    = "the message is JSON, but not an object"
	duplicateDetail      = "the field occurs more than once, its aliases included"
	missingDetail        = "the field is required, and absent, null or blank"
	controlDetail        = "a subscription id holds no control characters"
	amountDetail         = "the amount is not a decimal number below 10^14"
	countDetail          = "the count is not a whole number from 0 to 2147483647"
	flagDetail           = "the flag is none of true, false, 1, 0, yes, no, t, f"
	unreadableDetail     = "the timestamp is in none of the accepted notations"
	negativeDetail       = "the timestamp is a negative epoch"
	eventRangeDetail     = "the timestamp is before 2000-01-01 or after now and transform.max_future"
	otherRangeDetail     = "the timestamp is before 2000-01-01"
	hashDetail           = "the hash is neither 64 hexadecimal digits nor one whole address"
	addressDetail        = "the e-mail is not one whole address, and there is no hash beside it"
	unknownActionDetail  = "the action is none of the twelve nor a synonym, and transform.unknown_action is dead_letter"
	textOrNumberDetail   = "the field takes text or a number"
	flagTypeDetail       = "the field takes a boolean, text or a number"
	tooLargeDetailPrefix = "the message is larger than transform.max_message_bytes, which is "
)
