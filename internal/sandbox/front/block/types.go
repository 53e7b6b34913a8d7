package block

import (
	"fmt"
	"strconv"
	"strings"
)

// widths are the types of one size, by name; what stands in parentheses after
// them (a time zone, enum values) does not change the size.
var widths = map[string]fixed{
	"Bool": 1, "Int8": 1, "UInt8": 1, "Enum8": 1, "Nothing": 1,
	"Int16": 2, "UInt16": 2, "Enum16": 2, "Date": 2, "BFloat16": 2,
	"Int32": 4, "UInt32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "DateTime32": 4, "IPv4": 4, "Decimal32": 4, "Time": 4,
	"Int64": 8, "UInt64": 8, "Float64": 8, "DateTime64": 8, "Decimal64": 8, "Time64": 8,
	"Int128": 16, "UInt128": 16, "UUID": 16, "IPv6": 16, "Decimal128": 16,
	"Int256": 32, "UInt256": 32, "Decimal256": 32,
}

// aliases are types that lie as others do.
var aliases = map[string]string{
	"Point":           "Tuple(Float64, Float64)",
	"Ring":            "Array(Point)",
	"LineString":      "Array(Point)",
	"Polygon":         "Array(Ring)",
	"MultiLineString": "Array(LineString)",
	"MultiPolygon":    "Array(Polygon)",
}

func parseType(name string) (layout, error) { return parseNested(name, 0) }

func parseNested(name string, depth int) (layout, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: types nested deeper than %d", ErrLimit, maxDepth)
	}
	base, args, err := splitType(strings.TrimSpace(name))
	if err != nil {
		return nil, err
	}
	if width, ok := widths[base]; ok {
		return width, nil
	}
	if alias, ok := aliases[base]; ok {
		return parseNested(alias, depth+1)
	}
	switch {
	case base == "String":
		return text{}, nil
	case base == "JSON":
		return jsonText{}, nil
	case strings.HasPrefix(base, "Interval"):
		return fixed(8), nil
	case base == "FixedString" && len(args) == 1:
		n, err := strconv.ParseUint(args[0], 10, 32)
		if err != nil || n == 0 || n > maxString {
			return nil, fmt.Errorf("%w: width of FixedString", ErrType)
		}
		return fixed(n), nil
	case base == "Decimal" && len(args) >= 1:
		return decimal(args[0])
	case base == "Nullable" && len(args) == 1:
		inner, err := parseNested(args[0], depth+1)
		return nullable{inner}, err
	case base == "Array" && len(args) == 1:
		inner, err := parseNested(args[0], depth+1)
		return array{inner}, err
	case base == "LowCardinality" && len(args) == 1:
		inner, err := parseNested(args[0], depth+1)
		if n, ok := inner.(nullable); ok {
			inner = n.inner
		}
		return lowCardinality{inner}, err
	case base == "SimpleAggregateFunction" && len(args) == 2:
		return parseNested(args[1], depth+1)
	case base == "Tuple" && len(args) > 0:
		return parseTuple(args, depth)
	case base == "Map" && len(args) == 2, base == "Nested" && len(args) > 0:
		entries, err := parseTuple(args, depth)
		return array{entries}, err
	}
	return nil, fmt.Errorf("%w: %s", ErrType, base)
}

func parseTuple(args []string, depth int) (layout, error) {
	elements := make(tuple, len(args))
	for i, arg := range args {
		var err error
		if elements[i], err = parseNested(withoutName(arg), depth+1); err != nil {
			return nil, err
		}
	}
	return elements, nil
}

// decimal is as wide as its precision needs.
func decimal(precision string) (layout, error) {
	p, err := strconv.ParseUint(precision, 10, 8)
	switch {
	case err != nil || p == 0 || p > 76:
		return nil, fmt.Errorf("%w: precision of Decimal", ErrType)
	case p <= 9:
		return fixed(4), nil
	case p <= 18:
		return fixed(8), nil
	case p <= 38:
		return fixed(16), nil
	}
	return fixed(32), nil
}
