package schemas

import (
	"reflect"
	"testing"
)

func TestReadObject_RefusesWhatItCannotRead(t *testing.T) {
	const head, tail = "CREATE TABLE IF NOT EXISTS `piano`.`a`\n(\n", ")\nENGINE = Memory\nCOMMENT 'it''s a table'"
	o, err := readObject(head + "    `n` Nullable(DateTime64(3, 'UTC')) COMMENT 'that run''s' CODEC(ZSTD(1)),\n" +
		"    `d` UInt8 DEFAULT 0 COMMENT '',\n    INDEX i n TYPE minmax\n" + tail)
	want := Object{Name: "a", Kind: Table, Comment: "it's a table", Columns: []DescribedColumn{
		{Column{"n", "Nullable(DateTime64(3, 'UTC'))"}, "that run's"}, {Column{"d", "UInt8"}, ""}}}
	if err != nil || !reflect.DeepEqual(o, want) {
		t.Errorf("got %+v, %v\nwant %+v", o, err, want)
	}
	for what, statement := range map[string]string{
		"a column without a comment": head + "    `n` String,\n" + tail,
		"no columns":                 head + tail,
		"an object without comment":  "CREATE VIEW IF NOT EXISTS `piano`.`a`\n(\n    `n` String COMMENT 'x'\n)\nAS SELECT 1",
		"another statement":          "ALTER TABLE `piano`.`a` ADD COLUMN IF NOT EXISTS `n` String COMMENT 'x'\nCOMMENT 'x'",
	} {
		if o, err := readObject(statement); err == nil {
			t.Errorf("%s: read as %+v", what, o)
		}
	}
}

func TestParseColumnType(t *testing.T) {
	for text, want := range map[string]ColumnType{
		"String":                           {Name: "String"},
		"DateTime64(3, 'UTC')":             {Name: "DateTime64", Arguments: []string{"3", "'UTC'"}},
		"LowCardinality(Nullable(String))": {Name: "String", Nullable: true},
		"Nullable(Decimal(18, 4))":         {Name: "Decimal", Arguments: []string{"18", "4"}, Nullable: true},
		"Map(LowCardinality(String), UInt64)": {Name: "Map", Arguments: []string{
			"LowCardinality(String)", "UInt64"}},
		"Array(Tuple(kind LowCardinality(String), agrees Bool))": {Name: "Array", Arguments: []string{
			"Tuple(kind LowCardinality(String), agrees Bool)"}},
		"Tuple(kind LowCardinality(String), agrees Bool)": {Name: "Tuple", Arguments: []string{
			"kind LowCardinality(String)", "agrees Bool"}},
	} {
		if got := ParseColumnType(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
}
