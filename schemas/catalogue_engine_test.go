package schemas_test

import (
	"reflect"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/schemas"
)

// TestCatalogue_EqualsTheServers: dbt, JSON Schema and Avro are made of the catalogue, so it
// must have every object and column that a migrated server has.
func TestCatalogue_EqualsTheServers(t *testing.T) {
	conn, o := server.Database(t)
	ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{"database": o.Database}))
	rows, err := conn.Query(ctx, `SELECT table, name, type, columns.comment, tables.comment, engine = 'View'
FROM system.columns AS columns
JOIN system.tables AS tables ON tables.database = columns.database AND tables.name = columns.table
WHERE columns.database = {database:String} AND engine != 'MaterializedView'
ORDER BY table, position`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	want := map[string]schemas.Object{}
	for rows.Next() {
		var object schemas.Object
		var column schemas.DescribedColumn
		var view bool
		if err := rows.Scan(&object.Name, &column.Name, &column.Type, &column.Comment, &object.Comment, &view); err != nil {
			t.Fatal(err)
		}
		if object.Kind = schemas.Table; view {
			object.Kind = schemas.View
		}
		object.Columns = append(want[object.Name].Columns, column)
		want[object.Name] = object
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	all, err := schemas.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range all {
		if !reflect.DeepEqual(got, want[got.Name]) {
			t.Errorf("%s\n got %+v\nwant %+v", got.Name, got, want[got.Name])
		}
		delete(want, got.Name)
	}
	for name := range want {
		t.Errorf("%s is on the server and not in the catalogue", name)
	}
}
