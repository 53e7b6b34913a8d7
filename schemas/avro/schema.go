// Package avro writes the Avro schema of a row of a table or view, from the columns of
// package schemas and their comments in the DDL.
//
// Types follow the Avro specification: times are timestamp-millis, money is a decimal of
// bytes, a UUID is a string of that logical type. ClickHouse reads such files into its
// columns (FORMAT Avro). UInt64 becomes long, which Avro has no unsigned form of: every
// version of an event fits (contract §2).
package avro

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// record and field are those of the specification, in the order of their members.
type record struct {
	Type      string  `json:"type"`
	Name      string  `json:"name"`
	Namespace string  `json:"namespace,omitempty"`
	Doc       string  `json:"doc,omitempty"`
	Fields    []field `json:"fields"`
}

type field struct {
	Name    string          `json:"name"`
	Doc     string          `json:"doc,omitempty"`
	Type    any             `json:"type"`
	Default json.RawMessage `json:"default,omitempty"`
}

type logical struct {
	Type        string `json:"type"`
	LogicalType string `json:"logicalType"`
	Precision   int    `json:"precision,omitempty"`
	Scale       int    `json:"scale,omitempty"`
}

type array struct {
	Type  string `json:"type"`
	Items any    `json:"items"`
}

type dictionary struct {
	Type   string `json:"type"`
	Values any    `json:"values"`
}

// Row is the schema of a row.
func Row(o schemas.Object) ([]byte, error) {
	r := record{Type: "record", Name: o.Name, Namespace: "pianola", Doc: o.Comment}
	for _, c := range o.Columns {
		f, err := newField(c.Name, c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		f.Doc = c.Comment
		r.Fields = append(r.Fields, f)
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(r)
	return text.Bytes(), err
}

// newField makes a nullable column a union with null first, so that its default is null.
func newField(name, columnType string) (field, error) {
	t := schemas.ParseColumnType(columnType)
	value, err := valueOf(name, t)
	if err != nil || !t.Nullable {
		return field{Name: name, Type: value}, err
	}
	return field{Name: name, Type: []any{"null", value}, Default: json.RawMessage("null")}, nil
}

// element is the type inside an array or map. Its name is for records.
func element(name, columnType string) (any, error) {
	f, err := newField(name, columnType)
	return f.Type, err
}

func valueOf(name string, t schemas.ColumnType) (any, error) {
	switch t.Name {
	case "String":
		return "string", nil
	case "UUID":
		return logical{Type: "string", LogicalType: "uuid"}, nil
	case "Bool":
		return "boolean", nil
	case "Float32":
		return "float", nil
	case "Float64":
		return "double", nil
	case "Int8", "Int16", "Int32", "UInt8", "UInt16":
		return "int", nil
	case "Int64", "UInt32", "UInt64":
		return "long", nil
	case "Date":
		return logical{Type: "int", LogicalType: "date"}, nil
	case "DateTime64":
		if slices.Equal(t.Arguments, []string{"3", "'UTC'"}) {
			return logical{Type: "long", LogicalType: "timestamp-millis"}, nil
		}
	case "Decimal":
		precision, errPrecision := strconv.Atoi(t.Arguments[0])
		scale, errScale := strconv.Atoi(t.Arguments[1])
		if errPrecision == nil && errScale == nil {
			return logical{Type: "bytes", LogicalType: "decimal", Precision: precision, Scale: scale}, nil
		}
	case "Array":
		items, err := element(name+"_item", t.Arguments[0])
		return array{"array", items}, err
	case "Map":
		values, err := element(name+"_value", t.Arguments[1])
		return dictionary{"map", values}, err
	case "Tuple":
		r := record{Type: "record", Name: name}
		for _, part := range t.Arguments {
			partName, inner, _ := strings.Cut(part, " ")
			f, err := newField(partName, inner)
			if err != nil {
				return nil, err
			}
			r.Fields = append(r.Fields, f)
		}
		return r, nil
	}
	return nil, fmt.Errorf("no Avro type is known for %s(%s)", t.Name, strings.Join(t.Arguments, ", "))
}
