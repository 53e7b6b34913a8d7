package letters

import "github.com/pianola/pianola/schemas"

// Meaning explains a reason to an operator and suggests a fix (contract §1, §2). It is
// empty for a reason that this version does not know.
func Meaning(reason schemas.Reason) string { return meanings()[reason] }

func meanings() map[schemas.Reason]string {
	return map[schemas.Reason]string{
		schemas.InvalidJSON: "The message is not valid JSON (RFC 8259). Examples: a byte order mark, NaN, invalid\n" +
			"UTF-8, half a surrogate pair, trailing text, or nesting beyond 10,000 levels.\n" +
			"The producer must send the message again.",
		schemas.NotAnObject: "The message is valid JSON, but not an object. Another program writes to this topic,\n" +
			"or the producer wraps its messages.",
		schemas.DuplicateField: "A field occurs twice, aliases included, so its value is ambiguous. If the message\n" +
			"has the field only once, check transform.field_aliases.",
		schemas.MissingField: "A required field (subscription_id, event_timestamp, subscription_action) is absent,\n" +
			"null or blank. If the producer uses another name, transform.field_aliases can map it.",
		schemas.InvalidType: "The field has an unsupported JSON type: an array, an object, or a boolean in another\n" +
			"field than is_internal_user.",
		schemas.InvalidValue: "The field has the right type but an invalid value. Examples: not a number, not an\n" +
			"address or hash, a fraction instead of an integer, a control character in an id.",
		schemas.InvalidTimestamp: "The timestamp has an unknown format. RFC 3339, its common variants and epochs are\n" +
			"accepted. 8 or 14 digits are not, because they may be a compact date.",
		schemas.TimestampOutOfRange: "The timestamp is out of range: an event before 2000 or later than now plus\n" +
			"transform.max_future, another timestamp before 1970, or a negative epoch. Check the\n" +
			"unit (seconds, milliseconds) and the clock of the producer.",
		schemas.UnknownAction: "The action is not one of the twelve actions or their synonyms, and\n" +
			"transform.unknown_action is dead_letter. If the text means one of them,\n" +
			"transform.action_synonyms can map it. Report new actions of Piano to the maintainers.",
		schemas.TooLarge: "The message is larger than transform.max_message_bytes.",
		schemas.RejectedByServer: "The message passed every stage, but ClickHouse rejected its row. The detail has the\n" +
			"error code. Often somebody added a constraint to the table.",
	}
}
