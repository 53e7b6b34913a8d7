package export

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
)

// Format is the format of the files.
type Format string

// The formats. They are the extensions of the files too.
const (
	Parquet Format = "parquet"
	CSV     Format = "csv"
	NDJSON  Format = "ndjson"
)

// Formats are all formats.
func Formats() []Format { return []Format{Parquet, CSV, NDJSON} }

// ParseFormat finds a format by its name.
func ParseFormat(name string) (Format, error) {
	for _, f := range Formats() {
		if string(f) == name {
			return f, nil
		}
	}
	return "", errors.New("format: is not one of parquet, csv, ndjson")
}

// clickhouse is ClickHouse's name of the format.
func (f Format) clickhouse() string {
	switch f {
	case Parquet:
		return "Parquet"
	case CSV:
		return "CSVWithNames"
	default:
		return "JSONEachRow"
	}
}

// ContentType is the type of an object in a bucket.
func (f Format) ContentType() string {
	switch f {
	case Parquet:
		return "application/vnd.apache.parquet"
	case CSV:
		return "text/csv; charset=utf-8"
	default:
		return "application/x-ndjson"
	}
}

// measure returns what reads rows and times from the bytes of a file.
func (f Format) measure(columns []Column) measure {
	switch f {
	case Parquet:
		return newParquetMeasure(columns)
	case CSV:
		return newCSVMeasure(columns)
	default:
		return newNDJSONMeasure(columns)
	}
}

// settings are those of the query that makes a file. They fix what a profile of the user
// could change in the files, and what a reader must be able to rely on.
func (f Format) settings() clickhouse.Settings {
	all := clickhouse.Settings{
		"date_time_output_format": "iso", // RFC 3339
		// A failure must break the answer, never become a part of it.
		"http_write_exception_in_output_format": "0",
		"output_format_parallel_formatting":     "1",
		"extremes":                              "0",
	}
	var own map[string]string
	switch f {
	case Parquet:
		own = map[string]string{
			// A row group is what a reader loads at once, and what the server holds for
			// each thread.
			"output_format_parquet_row_group_size":       "250000",
			"output_format_parquet_row_group_size_bytes": "134217728",
			// Every reader has zstd. Level 1 takes three quarters of the time of level 3,
			// for a few percent of the size.
			"output_format_parquet_compression_method": "zstd",
			"output_format_compression_level":          "1",
			// Readers of whole files need neither, and both take time.
			"output_format_parquet_write_bloom_filter": "0",
			"output_format_parquet_write_page_index":   "0",

			"output_format_parquet_use_custom_encoder":  "1",
			"output_format_parquet_parallel_encoding":   "1",
			"output_format_parquet_string_as_string":    "1",
			"output_format_parquet_datetime_as_uint32":  "0",
			"output_format_parquet_date_as_uint16":      "0",
			"output_format_parquet_version":             "2.latest",
			"output_format_parquet_enum_as_byte_array":  "1",
			"output_format_parquet_data_page_size":      "1048576",
			"output_format_parquet_max_dictionary_size": "1048576",
		}
	case CSV:
		own = map[string]string{
			"format_csv_delimiter":                 ",",
			"format_csv_null_representation":       "", // absent; an empty text is ""
			"output_format_csv_crlf_end_of_line":   "0",
			"output_format_decimal_trailing_zeros": "0",
			"bool_true_representation":             "true",
			"bool_false_representation":            "false",
		}
	default:
		own = map[string]string{
			"output_format_json_quote_64bit_integers":   "0",
			"output_format_json_quote_64bit_floats":     "0",
			"output_format_json_quote_denormals":        "0",
			"output_format_json_quote_decimals":         "0",
			"output_format_json_escape_forward_slashes": "0",
			"output_format_json_array_of_rows":          "0",
			"output_format_decimal_trailing_zeros":      "0",
		}
	}
	for name, value := range own {
		all[name] = value
	}
	return all
}

// supported removes the settings that the server does not know: each of them is the
// default of a server without it, or only changes speed and size.
func (e *Exporter) supported(ctx context.Context, all clickhouse.Settings) (clickhouse.Settings, error) {
	known := clickhouse.Settings{}
	err := statement.Each(ctx, e.conn, "SELECT name FROM system.settings", func(rows driver.Rows) error {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		if value, wanted := all[name]; wanted {
			known[name] = value
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the server's settings: %w", err)
	}
	return known, nil
}
