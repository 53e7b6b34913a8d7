package rows

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/pianola/pianola/transform"
)

const testPageMemory = 64 << 20

func openBytes(content []byte, memory *PageMemory) (*ParquetRows, error) {
	return OpenParquet(File{Context: context.Background(), Reader: bytes.NewReader(content), Size: int64(len(content)), ReadAhead: 4 << 10, Memory: memory},
		NewNames(nil), Limits{Message: 1 << 20})
}

func openTestdata(t testing.TB, name string) (*ParquetRows, error) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return openBytes(content, NewPageMemory(testPageMemory, 1))
}

// outcomes are the events of messages, as `pianola transform` prints them.
func outcomes(t testing.TB, r Reader) []string {
	t.Helper()
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	worker := rules.NewWorker()
	messages, err := readAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range messages {
		all = append(all, string(worker.Apply([]byte(m), time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)).AppendJSON(nil)))
	}
	return all
}

func ndjsonRows(t testing.TB) []string {
	t.Helper()
	content, err := os.ReadFile("testdata/rows.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	want := outcomes(t, NewNDJSON(bytes.NewReader(content), Limits{Message: 1 << 20}))
	if len(want) != 12 {
		t.Fatalf("%d rows", len(want))
	}
	return want
}

// TestParquet_EveryWriterGivesTheSameEvents reads files of testdata/generate.py: with
// dictionaries and without, of both versions of data pages, and with each kind of
// timestamps and decimals.
func TestParquet_EveryWriterGivesTheSameEvents(t *testing.T) {
	want := ndjsonRows(t)
	for _, name := range []string{"pyarrow", "pyarrow_v2", "pyarrow_plain", "pyarrow_delta", "int96", "wide", "double", "decimal32", "duckdb", "polars", "other_nested"} {
		t.Run(name, func(t *testing.T) {
			r, err := openTestdata(t, name+".parquet")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if r.Rows != int64(len(want)) || len(r.Columns.Known) != 9 || r.Columns.Ignored[0] != "price_list" {
				t.Errorf("%d rows, %+v", r.Rows, r.Columns)
			}
			for i, got := range outcomes(t, r) {
				if got != want[i] {
					t.Errorf("row %d\ngot  %s\nwant %s", i, got, want[i])
				}
			}
		})
	}
}

func TestParquet_Skip(t *testing.T) {
	want := ndjsonRows(t)
	for _, name := range []string{"pyarrow", "pyarrow_v2", "duckdb"} {
		for n := range len(want) + 1 {
			r, err := openTestdata(t, name+".parquet")
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Skip(int64(n)); err != nil {
				t.Fatal(err)
			}
			if got := outcomes(t, r); strings.Join(got, "\n") != strings.Join(want[n:], "\n") {
				t.Errorf("%s after %d rows: %d rows", name, n, len(got))
			}
			if err := r.Skip(1); !errors.Is(err, io.EOF) {
				t.Errorf("%s: skip beyond the end: %v", name, err)
			}
		}
	}
}

func TestOpenParquet_Refuses(t *testing.T) {
	for name, want := range map[string]string{
		"nested":  "column term_name has columns of its own",
		"list":    "column term_name has columns of its own",
		"time":    "column event_name has the type TIME",
		"boolean": "column event_name has the type BOOLEAN, which only is_internal_user may have",
		"fixed":   "column event_name has the type FIXED_LEN_BYTE_ARRAY",
	} {
		if _, err := openTestdata(t, name+".parquet"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole, err := os.ReadFile("testdata/pyarrow.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for note, content := range map[string][]byte{
		"empty": nil, "cut": whole[:len(whole)-100], "the end alone": whole[len(whole)-20:],
		"a large footer": append(bytes.Clone(whole[:len(whole)-8]), 0xff, 0xff, 0xff, 0x7f, 'P', 'A', 'R', '1'),
	} {
		if _, err := openBytes(content, NewPageMemory(testPageMemory, 1)); err == nil {
			t.Errorf("%s: opened", note)
		}
	}
}

// TestParquet_Damage changes every byte of a file. The reader must return rows or an
// error, and not more memory than it may have.
func TestParquet_Damage(t *testing.T) {
	whole, err := os.ReadFile("testdata/pyarrow_v2.parquet")
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= []byte{0x01, 0x80, 0xff}[i%3]
		r, err := openBytes(damaged, NewPageMemory(testPageMemory, 1))
		if err == nil {
			_, err = readAll(r)
			r.Close()
		}
		if err != nil {
			failed++
		}
	}
	if failed < len(whole)/4 {
		t.Errorf("%d of %d changes are found", failed, len(whole))
	}
}

func TestParquet_ReadError(t *testing.T) {
	whole, err := os.ReadFile("testdata/pyarrow.parquet")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the disk is gone")
	file := &brokenReader{content: bytes.NewReader(whole)}
	r, err := OpenParquet(File{Context: t.Context(), Reader: file, Size: int64(len(whole)), ReadAhead: 512, Memory: NewPageMemory(testPageMemory, 1)}, NewNames(nil), Limits{Message: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	file.err = &ReadError{broken}
	if got, err := readAll(r); len(got) != 4 || !errors.Is(err, broken) {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

type brokenReader struct {
	content io.ReaderAt
	err     error
}

func (b *brokenReader) ReadAt(p []byte, at int64) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	return b.content.ReadAt(p, at)
}

type textRow struct {
	SubscriptionID     string `parquet:"subscription_id"`
	EventTimestamp     string `parquet:"event_timestamp"`
	SubscriptionAction string `parquet:"subscription_action"`
}

// TestParquet_MemoryOfPages holds the bound: one file at a time may have more than its
// share, and a file that needs more than that is refused.
func TestParquet_MemoryOfPages(t *testing.T) {
	var file bytes.Buffer
	w := parquet.NewGenericWriter[textRow](&file, parquet.PageBufferSize(8<<20))
	for range 2000 {
		if _, err := w.Write([]textRow{{strings.Repeat("s", 1000), "2025-01-01", strings.Repeat("a", 100)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := openBytes(file.Bytes(), NewPageMemory(1<<20, 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err == nil || !strings.Contains(err.Error(), "need more than 1 MiB") {
		t.Errorf("%v", err)
	}
	r.Close()

	memory := NewPageMemory(16<<20, 4)
	first, err := openBytes(file.Bytes(), memory)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Next(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	second, err := OpenParquet(File{Context: ctx, Reader: bytes.NewReader(file.Bytes()), Size: int64(file.Len()), ReadAhead: 4 << 10, Memory: memory}, NewNames(nil), Limits{Message: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := second.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("the second file does not wait for the first: %v", err)
	}
	second.Close()
	if _, err := readAll(first); err != nil {
		t.Error(err)
	}
	first.Close()
	third, err := openBytes(file.Bytes(), memory)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := third.Next(); err != nil {
		t.Errorf("the memory is not free: %v", err)
	}
	third.Close()
}

func TestMessage_Decimal(t *testing.T) {
	for _, c := range []struct {
		digits string
		scale  int
		want   string
	}{{"12345", 2, "123.45"}, {"-5", 3, "-0.005"}, {"0", 0, "0"}, {"0", 2, "0.00"}, {"-123", 0, "-123"}, {"99", 2, "0.99"}} {
		m := message{limit: 100}
		if m.decimal([]byte(c.digits), c.scale); string(m.buf) != c.want {
			t.Errorf("%s, scale %d: %s", c.digits, c.scale, m.buf)
		}
	}
	for _, c := range []string{"0", "1", "-1", "127", "-128", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-170141183460469231731687303715884105728"} {
		n, _ := new(big.Int).SetString(c, 10)
		b := make([]byte, 16)
		if n.Sign() < 0 {
			new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 128)).FillBytes(b)
		} else {
			n.FillBytes(b)
		}
		if got := string(unscaled(b)); got != c {
			t.Errorf("%s as 16 bytes: %s", c, got)
		}
		if n.IsInt64() {
			if got := string(unscaled(b[8:])); got != c {
				t.Errorf("%s as 8 bytes: %s", c, got)
			}
		}
	}
}

// FuzzParquet holds that damage ends in an error, never in a panic.
func FuzzParquet(f *testing.F) {
	for _, name := range []string{"duckdb", "pyarrow_v2", "int96"} {
		content, err := os.ReadFile("testdata/" + name + ".parquet")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 16<<10 {
			return
		}
		r, err := openBytes(content, NewPageMemory(testPageMemory, 1))
		if err != nil {
			return
		}
		defer r.Close()
		for range 1000 {
			if _, err := r.Next(); err != nil {
				return
			}
		}
	})
}
