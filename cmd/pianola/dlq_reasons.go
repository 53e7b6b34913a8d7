package main

import "github.com/pianola/pianola/schemas"

// meanings say what each reason means and what helps: contract §1 and §2 for an
// operator who has one dead letter on the screen.
func meanings() map[schemas.Reason]string {
	return map[schemas.Reason]string{
		schemas.InvalidJSON: "The message is not JSON as RFC 8259 has it: a byte order mark, NaN, invalid UTF-8,\n" +
			"half a surrogate pair, text after the end, or nesting beyond 10,000 levels.\n" +
			"The producer has to send it anew.",
		schemas.NotAnObject: "The message is well-formed JSON and not an object. Something else writes to this\n" +
			"topic, or the producer wraps its messages.",
		schemas.DuplicateField: "A field occurs twice, aliases included, so that nobody can say which was meant.\n" +
			"Look at transform.field_aliases if the message itself has it once.",
		schemas.MissingField: "A required field (subscription_id, event_timestamp, subscription_action) is absent,\n" +
			"null or blank. If the producer uses another name, transform.field_aliases can map it.",
		schemas.InvalidType: "The field has a JSON type that it does not take: an array, an object, or a boolean\n" +
			"outside is_internal_user.",
		schemas.InvalidValue: "The field has the right type and content that cannot be read: no number, no address\n" +
			"or hash, a fraction where a whole number is due, a control character in an id.",
		schemas.InvalidTimestamp: "The timestamp is in no accepted notation. RFC 3339 and its relaxations and epochs are;\n" +
			"8 or 14 digits are not, since they may be a compact date.",
		schemas.TimestampOutOfRange: "The timestamp is readable and cannot be: an event before 2000 or further ahead than\n" +
			"transform.max_future, another timestamp before 1970, or a negative epoch. Often a unit\n" +
			"(seconds, milliseconds) or a clock is wrong.",
		schemas.UnknownAction: "The action is none of the twelve nor a synonym, and transform.unknown_action is\n" +
			"dead_letter. A new action of Piano's is worth telling the maintainers.",
		schemas.TooLarge: "The message is larger than transform.max_message_bytes.",
		schemas.RejectedByServer: "The message passed every stage and ClickHouse refused its row; the detail has the code.\n" +
			"Usually a constraint was added to the table.",
	}
}
