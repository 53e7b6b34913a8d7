package export_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// rowsVariable sets how many rows BenchmarkExporter exports.
const rowsVariable = "PIANOLA_TEST_EXPORT_ROWS"

// BenchmarkExporter exports a large stream in each format. The events are those of a world,
// copied on the server under other subscriptions. Run it with -benchtime 1x.
func BenchmarkExporter(b *testing.B) {
	rows := 10_000_000
	if text := os.Getenv(rowsVariable); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	f := &fixture{Fixture: services.Fixture(b, testbed.Config{Protocol: "native", Seed: 35, Subscribers: 2000}), config: export.Defaults()}
	f.conn = f.connect(f.Settings.Export.ClickHouseAddr[0])
	f.Publish()
	f.Ingest()
	f.multiply(rows)
	for _, format := range export.Formats() {
		b.Run(string(format), func(b *testing.B) {
			resetPeak(b)
			var exported uint64
			for b.Loop() {
				dir, err := os.MkdirTemp(b.TempDir(), "")
				f.Must(err)
				m := f.run(export.Arguments{View: "stream", To: dir, Format: string(format)})
				exported += m.Rows
				b.SetBytes(m.Bytes)
				f.Must(os.RemoveAll(dir))
			}
			b.ReportMetric(float64(exported)/b.Elapsed().Seconds(), "rows/s")
			for who, mebibytes := range peaks(b) {
				b.ReportMetric(mebibytes, who+"-peak-MiB")
			}
		})
	}
}

// multiply copies the events of the table until there are so many. A copy has its number
// in the subscription, so it is another event.
func (f *fixture) multiply(rows int) {
	f.Helper()
	var there uint64
	f.One("SELECT count() FROM piano_subscriber_event_stream", &there)
	f.Exec(fmt.Sprintf(`INSERT INTO subscription_events SELECT * EXCEPT (copy) REPLACE (
			concat(subscription_id, '-', toString(copy)) AS subscription_id,
			reinterpretAsUUID(murmurHash3_128(concat(e.subscription_id, '-', toString(copy), char(31), toString(toUnixTimestamp64Milli(event_timestamp)), char(31), subscription_action))) AS event_id)
		FROM (SELECT e.*, copy FROM subscription_events AS e FINAL CROSS JOIN (SELECT number AS copy FROM numbers(1, %d)) AS copies) AS e
		SETTINGS max_partitions_per_insert_block = 0, min_insert_block_size_rows = 1000000, optimize_on_insert = 0`, max(rows/int(there)-1, 0)))
}

// processes are this one and the server.
func processes() map[string]string {
	return map[string]string{"client": "self", "server": strconv.Itoa(services.ClickHouse.PID())}
}

// resetPeak lets the system measure the peak of the resident memory from now on.
func resetPeak(b *testing.B) {
	b.Helper()
	for _, process := range processes() {
		if err := os.WriteFile("/proc/"+process+"/clear_refs", []byte("5"), 0); err != nil {
			b.Fatal(err)
		}
	}
}

func peaks(b *testing.B) map[string]float64 {
	b.Helper()
	all := map[string]float64{}
	for who, process := range processes() {
		text, err := os.ReadFile("/proc/" + process + "/status")
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
				kibibytes, err := strconv.ParseFloat(fields[1], 64)
				if err != nil {
					b.Fatal(err)
				}
				all[who] = kibibytes / 1024
			}
		}
	}
	return all
}
