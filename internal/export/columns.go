package export

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
)

// Column is a column of the files.
type Column struct {
	Name        string `json:"name"`
	Type        Type   `json:"type"`
	Nullable    bool   `json:"nullable"`
	Description string `json:"description,omitempty"`

	source     string // its name in the view
	expression string // its value, as SQL
}

// Type is a type as Piano's documentation and warehouses name it.
type Type string

// The types. All are flat: a file has no nested values.
const (
	String    Type = "STRING"
	Timestamp Type = "TIMESTAMP" // UTC with milliseconds
	Float     Type = "FLOAT"     // 64 bits
	Integer   Type = "INTEGER"   // at most 64 bits, with sign
	Boolean   Type = "BOOLEAN"
	Numeric   Type = "NUMERIC" // exact
	Date      Type = "DATE"
)

// columns reads the columns of a view, and what its files will have.
func (e *Exporter) columns(ctx context.Context, v View) ([]Column, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"database": e.tables.Database, "view": v.Name}))
	var engine string
	err := statement.Each(ctx, e.conn, "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {view:String}",
		func(rows driver.Rows) error { return rows.Scan(&engine) })
	switch {
	case errors.As(err, new(*net.OpError)): // the first statement of an export
		return nil, fmt.Errorf("look for view %s: %w; exports connect to export.clickhouse_addr, the HTTP interface", v.Name, err)
	case err != nil:
		return nil, fmt.Errorf("look for view %s: %w", v.Name, err)
	case engine == "":
		return nil, e.missing(ctx, v)
	case engine != "View":
		return nil, fmt.Errorf("%s is not a plain view; create one that selects what may leave", v.Name)
	}
	var all []Column
	err = statement.Each(ctx, e.conn, "SELECT name, type, comment FROM system.columns WHERE database = {database:String} AND table = {view:String} ORDER BY position",
		func(rows driver.Rows) error {
			var c Column
			var kind string
			if err := rows.Scan(&c.source, &kind, &c.Description); err != nil {
				return err
			}
			c.Name = c.source
			if !c.describe(kind) {
				return fmt.Errorf("column %s has a type that a flat file cannot hold; convert it in the view, for example with toString", c.source)
			}
			all = append(all, c)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("read the columns of view %s: %w", v.Name, err)
	}
	if err := v.names(all); err != nil {
		return nil, err
	}
	if width := v.width(); width > 0 {
		all = all[:width]
	}
	return all, nil
}

// missing says why the server does not show a view: it does not exist, or the user may not
// read it. The server names the missing grant only to a query that selects a column, and
// every documented view has the subscription.
func (e *Exporter) missing(ctx context.Context, v View) error {
	column := "subscription_id"
	if v.own() {
		column = "*"
	}
	var none uint64
	err := e.conn.QueryRow(ctx, "SELECT count() FROM (SELECT "+column+" FROM "+e.tables.Table(v.Name)+" LIMIT 0)").Scan(&none)
	if err != nil && v.own() {
		return fmt.Errorf("view %s of database %s: %w; check its name", v.Name, e.tables.Database, migrate.Explain(err))
	}
	if err != nil {
		return fmt.Errorf("view %s of database %s: %w", v.Name, e.tables.Database, migrate.Explain(err))
	}
	return fmt.Errorf("view %s of database %s is not in system.tables; give the user a grant to read it", v.Name, e.tables.Database)
}

// describe sets the type by a type of ClickHouse. It reports false where a file cannot hold
// it.
func (c *Column) describe(kind string) bool {
	quoted := quote(c.source)
	c.expression = quoted
	if inner, ok := within(kind, "LowCardinality"); ok {
		kind = inner
	}
	if inner, ok := within(kind, "Nullable"); ok {
		kind, c.Nullable = inner, true
	}
	name, arguments, _ := strings.Cut(strings.TrimSuffix(kind, ")"), "(")
	switch name {
	case "String":
		c.Type = String
	case "UUID", "FixedString", "Enum8", "Enum16", "IPv4", "IPv6":
		c.Type, c.expression = String, "toString("+quoted+")"
	case "Bool":
		c.Type = Boolean
	case "Int8", "Int16", "Int32", "Int64":
		c.Type = Integer
	case "UInt8", "UInt16", "UInt32", "UInt64": // few readers know them
		c.Type, c.expression = Integer, "accurateCast("+quoted+", '"+nullable("Int64", c.Nullable)+"')"
	case "Float32", "Float64":
		c.Type, c.expression = Float, "toFloat64("+quoted+")"
	case "Decimal":
		c.Type = Numeric
	case "Date", "Date32":
		c.Type = Date
	case "DateTime", "DateTime64":
		c.Type = Timestamp
		if name != "DateTime64" || arguments != "3, 'UTC'" {
			c.expression = "toDateTime64(" + quoted + ", 3, 'UTC')"
		}
	default:
		return false
	}
	if c.Type == Float && name == "Float64" {
		c.expression = quoted
	}
	return true
}

func nullable(kind string, is bool) string {
	if is {
		return "Nullable(" + kind + ")"
	}
	return kind
}

// within is the argument of a type such as Nullable(String).
func within(kind, outer string) (string, bool) {
	inner, found := strings.CutPrefix(kind, outer+"(")
	return strings.TrimSuffix(inner, ")"), found
}

// quote makes an identifier of a name from the database.
func quote(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name) + "`"
}

// selection is the list of a SELECT.
func selection(columns []Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.expression
		if c.expression != quote(c.Name) {
			list[i] += " AS " + quote(c.Name)
		}
	}
	return strings.Join(list, ", ")
}
