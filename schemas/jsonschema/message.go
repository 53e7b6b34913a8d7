package jsonschema

import (
	"fmt"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// messageDescription lists what the schema leaves out. The test has the same list, as cases.
const messageDescription = "A message of the Piano Subscriber Event Stream, as Pianola's default settings accept it (docs/contract.md, section 1), " +
	"without the Confluent prefix. Every message that Pianola accepts is valid. The schema cannot express: the limits of size and nesting; bytes that are not strict JSON; " +
	"a name that occurs twice; 1.0 where the literal 1 is meant; the end of the range of event_timestamp, which moves with the clock; " +
	"the hours at the edges of the other ranges; 30 February; the limit of an amount itself; exponents and zeros before numeric texts; " +
	"the hash of the empty text; and every detail of an address."

// required are the fields that every message has (contract §1).
var required = []string{"subscription_id", "event_timestamp", "subscription_action"}

// Message is the schema of a message.
func Message() ([]byte, error) {
	table, err := schemas.FindObject("subscription_events")
	if err != nil {
		return nil, err
	}
	comments := map[string]string{}
	for _, c := range table.Columns {
		comments[c.Name] = c.Comment
	}
	var properties, definitions object
	defined := map[string]bool{}
	for _, c := range schemas.ContractColumns() {
		name, value, err := messageValue(c)
		if err != nil {
			return nil, err
		}
		if !defined[name] {
			definitions, defined[name] = append(definitions, member{name, value}), true
		}
		properties = append(properties, member{c.Name, object{{"description", comments[c.Name]}, {"$ref", "#/$defs/" + name}}})
	}
	properties = append(properties,
		member{"user_email", object{{"description", "The address in plaintext. It is hashed and never stored"}}},
		member{"email", object{{"description", "The same; read only when user_email is absent"}}})
	return document(append(head("message", "Piano subscriber event, as received", messageDescription),
		member{"required", required},
		member{"properties", properties},
		member{"allOf", emailRules()},
		member{"$defs", definitions},
	))
}

// messageValue is what a field takes, by the type of its column, and a name for it.
func messageValue(c schemas.Column) (name string, value object, err error) {
	needed := slices.Contains(required, c.Name)
	textForm := func(alternatives ...string) object {
		if needed {
			return object{{"type", "string"}, {"pattern", trimmed(alternatives...)}}
		}
		return object{{"type", "string"}, {"pattern", optional(alternatives...)}}
	}
	number := object{{"type", "number"}}
	var forms []object
	switch t := schemas.ParseColumnType(c.Type); {
	case c.Name == "subscription_id":
		name, forms = "identifier", []object{number, textForm(identifier)}
	case t.Name == "String" && needed:
		name, forms = "text", []object{number, {{"type", "string"}, {"pattern", present}}}
	case t.Name == "String": // of the hash, emailRules has the rest
		name, forms = "optional_text", []object{number, {{"type", "string"}}}
	case t.Name == "DateTime64" && needed:
		name, forms = "timestamp", append(epochs(), textForm(since2000, epochSince2000))
	case t.Name == "DateTime64":
		name, forms = "optional_timestamp", append(epochs(), object{{"const", 0}}, textForm(since2000, around1970, epochSince2000, epochZero))
	case t.Name == "Decimal":
		number = append(number, member{"minimum", -1e14}, member{"maximum", 1e14}) // inclusive, as in row.go
		name, forms = "amount", []object{number, textForm(amount)}
	case t.Name == "Int32":
		name, forms = "count", []object{{{"type", "integer"}, {"minimum", 0}, {"maximum", 1<<31 - 1}}, textForm(count)}
	case t.Name == "Bool":
		name, forms = "flag", []object{{{"enum", []any{true, false, 0, 1}}}, textForm(yes, no)}
	default:
		return "", nil, fmt.Errorf("column %s: no notation of a message is known for %s", c.Name, c.Type)
	}
	if !needed {
		forms = append(forms, object{{"type", "null"}})
	}
	return name, object{{"anyOf", forms}}, nil
}

// epochs are the numbers that are instants from 2000 on: seconds, milliseconds, microseconds
// or nanoseconds by their magnitude.
func epochs() []object {
	const year2000 = 946_684_800
	number := func(minimum, below float64) object {
		return object{{"type", "number"}, {"minimum", minimum}, {"exclusiveMaximum", below}}
	}
	return []object{number(year2000, 1e11), number(year2000*1e3, 1e14), number(year2000*1e6, 1e17), {{"type", "number"}, {"minimum", year2000 * 1e9}}}
}

// emailRules are those of the fields together.
//
//   - An internal user's message is filtered before its address is looked at.
//   - The hash field has a hash or an address.
//   - A plaintext is an address, unless there is a hash: then other text is ignored.
//   - email is read only where user_email is absent.
func emailRules() []object {
	text := func(pattern string) object { return object{{"type", "string"}, {"pattern", pattern}} }
	has := func(name string, value object) object {
		return object{{"required", []string{name}}, {"properties", object{{name, value}}}}
	}
	either := func(alternatives ...object) object { return object{{"anyOf", alternatives}} }
	blank := either(object{{"type", "null"}}, text("^["+space+"]*$"))
	scalar := object{{"type", []string{"string", "number", "null"}}}
	givenHash := has("user_email_hash_sha256", object{{"not", blank}})
	givenPlaintext := has("user_email", object{{"not", blank}})
	internal := has("is_internal_user", either(object{{"enum", []any{true, 1}}}, text(trimmed(yes))))
	return []object{
		{{"properties", object{{"user_email", scalar}}}},
		either(givenPlaintext, object{{"properties", object{{"email", scalar}}}}),
		either(internal, object{{"properties", object{{"user_email_hash_sha256", either(
			object{{"type", "null"}}, text(optional(hash, address)), object{{"type", "number"}, {"minimum", 1e63}})}}}}),
		either(internal, givenHash, has("user_email", text(trimmed(address))),
			object{{"properties", object{{"user_email", blank}, {"email", either(object{{"type", "null"}}, text(optional(address)))}}}}),
	}
}
