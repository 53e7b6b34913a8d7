package transform

import (
	"bytes"
	"os"
	"testing"
	"time"
)

// sampleNow is a clock at which every event of the sample is past.
var sampleNow = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// readSample gives the sample's messages and how many bytes one has on average.
func readSample(tb testing.TB) (messages [][]byte, average int64) {
	tb.Helper()
	data, err := os.ReadFile("testdata/sample.ndjson")
	if err != nil {
		tb.Fatal(err)
	}
	messages = bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	return messages, int64(len(data) / len(messages))
}

// storedSample are the messages that come out as events.
func storedSample(tb testing.TB) (messages [][]byte, average int64) {
	tb.Helper()
	w := newWorker(tb, Defaults())
	all, _ := readSample(tb)
	total := 0
	for _, m := range all {
		if w.Apply(m, sampleNow).Outcome == Stored {
			messages = append(messages, m)
			total += len(m)
		}
	}
	return messages, int64(total / len(messages))
}

// BenchmarkApply is all stages over the sample, refused messages included.
func BenchmarkApply(b *testing.B) {
	messages, average := readSample(b)
	benchmark(b, messages, average, func(w *Worker, m []byte) { w.Apply(m, sampleNow) })
}

func BenchmarkDecode(b *testing.B) {
	messages, average := storedSample(b)
	benchmark(b, messages, average, func(w *Worker, m []byte) {
		w.reset()
		w.decode(m, 0)
	})
}

// BenchmarkStage measures each stage alone, its input made ready outside of the
// time that counts: one worker a message.
func BenchmarkStage(b *testing.B) {
	var line []byte
	stages := []struct {
		name string
		run  func(*Worker)
	}{
		{"utc", func(w *Worker) { w.normalise(sampleNow) }},
		{"internal", func(w *Worker) { w.isInternal() }},
		{"email", func(w *Worker) { w.arena = w.arena[:0]; w.hashEmail() }},
		{"guard", func(w *Worker) { w.arena = w.arena[:0]; w.guardTexts() }},
		{"action", func(w *Worker) { w.canonicalise() }},
		{"eventid", func(w *Worker) {
			w.eventID(w.event.SubscriptionID, w.event.EventTimestamp, w.event.SubscriptionAction)
		}},
		{"print", func(w *Worker) { line = w.result.AppendJSON(line[:0]) }},
	}
	messages, average := storedSample(b)
	messages = messages[:256]
	config := Defaults()
	config.InternalEmailDomains = []string{"corp.example"}
	config.InternalUserIDs = []string{"4711"}
	rules, err := New(config)
	if err != nil {
		b.Fatal(err)
	}
	for _, stage := range stages {
		b.Run(stage.name, func(b *testing.B) {
			workers := make([]*Worker, len(messages))
			for i, m := range messages {
				workers[i] = rules.NewWorker()
				workers[i].Apply(m, sampleNow)
			}
			b.SetBytes(average)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				stage.run(workers[i%len(workers)])
			}
		})
	}
}

// BenchmarkFile is what pianola transform does with a file: lines in, all
// stages, lines out.
func BenchmarkFile(b *testing.B) {
	data, err := os.ReadFile("testdata/sample.ndjson")
	if err != nil {
		b.Fatal(err)
	}
	w := newWorker(b, Defaults())
	var out []byte
	messages := 0
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		lines := NewLines(bytes.NewReader(data), 1<<20)
		for {
			line, err := lines.Next()
			if err != nil {
				break
			}
			out = append(w.Apply(line, sampleNow).AppendJSON(out[:0]), '\n')
			messages++
		}
	}
	b.ReportMetric(float64(messages)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkLines(b *testing.B) {
	data, err := os.ReadFile("testdata/sample.ndjson")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for range b.N {
		lines := NewLines(bytes.NewReader(data), 1<<20)
		for {
			if _, err := lines.Next(); err != nil {
				break
			}
		}
	}
}

func benchmark(b *testing.B, messages [][]byte, average int64, run func(*Worker, []byte)) {
	b.Helper()
	w := newWorker(b, Defaults())
	b.SetBytes(average)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		run(w, messages[i%len(messages)])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
