package jsonschema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// Row is the schema of a row of a table or view in the NDJSON of `pianola export`, which
// is ClickHouse's JSONEachRow with RFC 3339 times and unquoted numbers.
func Row(o schemas.Object) ([]byte, error) {
	return row(o.Name, "A row of "+o.Name, o.Comment, o.Columns)
}

// Event is the schema of an event as `pianola transform` prints it (contract §5).
func Event() ([]byte, error) {
	table, err := schemas.FindObject("subscription_events")
	if err != nil {
		return nil, err
	}
	// What follows subscription_action_raw belongs to the delivery, and not to the event.
	last := slices.IndexFunc(table.Columns, func(c schemas.DescribedColumn) bool { return c.Name == "subscription_action_raw" })
	columns := slices.Clone(table.Columns[:last+1])
	columns[0].Type = eventIDType
	return row("event", "An event", "The member event of a line of `pianola transform`.", columns)
}

// eventIDType is the id without hyphens, as transform prints it. ClickHouse has no such type.
const eventIDType = "HexUUID"

func row(id, title, description string, columns []schemas.DescribedColumn) ([]byte, error) {
	var properties object
	var names []string
	for _, c := range columns {
		value, err := rowValue(schemas.ParseColumnType(c.Type))
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		properties = append(properties, member{c.Name, append(object{{"description", c.Comment}}, value...)})
		names = append(names, c.Name)
	}
	return document(append(head(id, title, description),
		member{"required", names}, member{"properties", properties}, member{"additionalProperties", false}))
}

// rowValue is a value of a type.
func rowValue(t schemas.ColumnType) (object, error) {
	kind := func(name string) any {
		if t.Nullable {
			return []string{name, "null"}
		}
		return name
	}
	integer := func(minimum, maximum string) (object, error) {
		return object{{"type", kind("integer")}, {"minimum", literal(minimum)}, {"maximum", literal(maximum)}}, nil
	}
	text := func(pattern string) (object, error) {
		return object{{"type", kind("string")}, {"pattern", pattern}}, nil
	}
	switch t.Name {
	case "String":
		return object{{"type", kind("string")}}, nil
	case "UUID":
		return text("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
	case eventIDType:
		return text("^[0-9a-f]{32}$")
	case "Date", "Date32":
		return text("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
	case "DateTime64":
		if !slices.Equal(t.Arguments, []string{"3", "'UTC'"}) {
			break
		}
		return text(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$`)
	case "Bool":
		return object{{"type", kind("boolean")}}, nil
	case "Float32", "Float64":
		return object{{"type", kind("number")}}, nil
	case "Decimal":
		precision, errPrecision := strconv.Atoi(t.Arguments[0])
		scale, errScale := strconv.Atoi(t.Arguments[1])
		if errPrecision != nil || errScale != nil {
			break
		}
		limit := "1" + strings.Repeat("0", precision-scale)
		// Many validators read numbers as floating point: an exclusive limit, or multipleOf,
		// would refuse good amounts there.
		return object{{"type", kind("number")}, {"minimum", literal("-" + limit)}, {"maximum", literal(limit)}}, nil
	case "UInt8":
		return integer("0", "255")
	case "UInt16":
		return integer("0", "65535")
	case "UInt32":
		return integer("0", "4294967295")
	case "UInt64":
		return integer("0", "18446744073709551615")
	case "Int8":
		return integer("-128", "127")
	case "Int16":
		return integer("-32768", "32767")
	case "Int32":
		return integer("-2147483648", "2147483647")
	case "Int64":
		return integer("-9223372036854775808", "9223372036854775807")
	case "Array":
		items, err := rowValue(schemas.ParseColumnType(t.Arguments[0]))
		return object{{"type", "array"}, {"items", items}}, err
	case "Map":
		values, err := rowValue(schemas.ParseColumnType(t.Arguments[1]))
		return object{{"type", "object"}, {"additionalProperties", values}}, err
	case "Tuple":
		var properties object
		var names []string
		for _, element := range t.Arguments {
			name, inner, _ := strings.Cut(element, " ")
			value, err := rowValue(schemas.ParseColumnType(inner))
			if err != nil {
				return nil, err
			}
			properties, names = append(properties, member{name, value}), append(names, name)
		}
		return object{{"type", "object"}, {"required", names}, {"properties", properties}, {"additionalProperties", false}}, nil
	}
	return nil, fmt.Errorf("no JSON Schema is known for the type %s(%s)", t.Name, strings.Join(t.Arguments, ", "))
}

// literal is a number as written.
type literal string

// MarshalJSON writes it unchanged.
func (l literal) MarshalJSON() ([]byte, error) { return []byte(l), nil }
