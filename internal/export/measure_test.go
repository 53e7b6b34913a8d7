package export

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// measured are the columns that the files of these tests have.
var measured = []Column{{Name: "subscription_id", Type: String}, {Name: partitionColumn, Type: Timestamp}, {Name: "resource_name", Type: String}, {Name: syncColumn, Type: Timestamp}}

// feed gives a file to a measure in pieces of a size.
func feed(m measure, file []byte, size int) (facts, error) {
	for piece := range slices.Chunk(file, size) {
		if err := m.add(piece); err != nil {
			return facts{}, err
		}
	}
	return m.facts()
}

func at(second int) string {
	return time.Date(2026, 3, 29, 0, 0, second, 0, time.UTC).Format(instantForm)
}

// TestMeasure_Text: rows and times, for every size of the pieces, with texts that look like the format.
func TestMeasure_Text(t *testing.T) {
	hostile := []string{"", `"`, `""`, "\n", "\"\n\"", ",", `,"`, `"event_timestamp":"` + at(59), "\r\n", "æ"}
	csvFile := "\"subscription_id\",\"event_timestamp\",\"resource_name\",\"synced_at\"\n"
	jsonFile := ""
	for i, text := range hostile {
		quoted := strings.ReplaceAll(text, `"`, `""`)
		csvFile += fmt.Sprintf("\"%s\",\"%s\",\"%s\",\"%s\"\n", quoted, at(10+i), quoted, at(40-i))
		escaped := strings.NewReplacer(`"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(text)
		jsonFile += fmt.Sprintf("{\"subscription_id\":\"%s\",\"event_timestamp\":\"%s\",\"resource_name\":null,\"synced_at\":\"%s\"}\n", escaped, at(10+i), at(40-i))
	}
	for format, file := range map[Format]string{CSV: csvFile, NDJSON: jsonFile} {
		for size := 1; size <= len(file); size++ {
			f, err := feed(format.measure(measured), []byte(file), size)
			if err != nil || f.rows != uint64(len(hostile)) || f.partition.Min.String() != at(10) || f.partition.Max.String() != at(9+len(hostile)) ||
				f.sync.Min.String() != at(41-len(hostile)) || f.sync.Max.String() != at(40) {
				t.Fatalf("%s in pieces of %d: %+v, %v", format, size, f, err)
			}
		}
		// The end of a file is always the end of a row.
		for end := len(file) - 1; end > len(file)-30; end-- {
			if f, err := feed(format.measure(measured), []byte(file[:end]), 7); err == nil {
				t.Errorf("%s without its last %d bytes: %+v", format, len(file)-end, f)
			}
		}
	}
}

// TestMeasure_Refuses files that cannot be ClickHouse's.
func TestMeasure_Refuses(t *testing.T) {
	for name, c := range map[string]struct {
		format Format
		file   string
	}{
		"CSV without header":       {CSV, ""},
		"CSV with a short row":     {CSV, "h\n\"a\"\n"},
		"CSV with another time":    {CSV, "h\n\"a\",\"2026-03-29 00:00:00.000\",\"\",\"" + at(0) + "\"\n"},
		"CSV with an invalid time": {CSV, "h\n\"a\",\"2026-99-29T00:00:00.000Z\",\"\",\"" + at(0) + "\"\n"},
		"NDJSON without times":     {NDJSON, "{}\n"},
		"NDJSON with a cut time":   {NDJSON, `{"event_timestamp":"2026` + "\n"},
		"Parquet of nothing":       {Parquet, ""},
		"Parquet of text":          {Parquet, strings.Repeat("PAR1", 100)},
	} {
		if f, err := feed(c.format.measure(measured), []byte(c.file), 5); err == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// FuzzMeasure_CSV: as many records as encoding/csv finds, for every file that it accepts.
func FuzzMeasure_CSV(f *testing.F) {
	f.Add([]byte("h\n\"a\"\"b\",\"c\nd\"\n"), 3)
	f.Fuzz(func(t *testing.T, file []byte, size int) {
		if size < 1 || len(file) == 0 || file[len(file)-1] != '\n' || bytes.ContainsAny(file, "\r") {
			return
		}
		r := csv.NewReader(bytes.NewReader(file))
		r.FieldsPerRecord = -1
		records, err := r.ReadAll()
		if err != nil || len(records) == 0 {
			return
		}
		lines := 0 // encoding/csv skips empty lines, which ClickHouse does not write
		for _, record := range records {
			if len(record) > 0 {
				lines++
			}
		}
		if bytes.HasPrefix(file, []byte("\n")) || bytes.Contains(file, []byte("\n\n")) {
			return
		}
		got, err := feed(newCSVMeasure(nil), file, size)
		if err != nil || got.rows != uint64(lines-1) {
			t.Fatalf("%d rows of %d, %v", got.rows, lines-1, err)
		}
	})
}
