package transform

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func readLines(t *testing.T, r io.Reader, limit int) (lines []string, truncated []bool) {
	t.Helper()
	l := NewLines(r, limit)
	for {
		line, err := l.Next()
		if errors.Is(err, io.EOF) {
			return lines, truncated
		}
		if err != nil {
			t.Fatal(err)
		}
		if l.Row() != int64(len(lines)) {
			t.Fatalf("row %d after %d lines", l.Row(), len(lines))
		}
		lines, truncated = append(lines, string(line)), append(truncated, l.Truncated())
	}
}

func TestLines_Next(t *testing.T) {
	long := strings.Repeat("x", 300<<10) // longer than the reader's buffer
	cases := []struct {
		note, file string
		limit      int
		want       []string
	}{
		{"nothing", "", 10, nil},
		{"one line", "a\n", 10, []string{"a"}},
		{"no LF at the end", "a\nb", 10, []string{"a", "b"}},
		{"an empty line is a message", "\n\na\n", 10, []string{"", "", "a"}},
		{"one CR before LF", "a\r\n\r\nb\r\r\n", 10, []string{"a", "", "b\r"}},
		{"CR elsewhere", "a\rb\n\ra\n", 10, []string{"a\rb", "\ra"}},
		{"CR at the end of the file", "a\r", 10, []string{"a\r"}},
		{"CR alone", "\r", 10, []string{"\r"}},
		{"white space", " \n", 10, []string{" "}},
		{"exactly the limit", "0123456789\n0123456789\r\n0123456789", 10, []string{"0123456789", "0123456789", "0123456789"}},
		{"one more", "0123456789a\n0123456789a\r\n0123456789a", 10, []string{"0123456789a", "0123456789a", "0123456789a"}},
		{"two more", "0123456789ab\nc\n0123456789ab", 10, []string{"0123456789a", "c", "0123456789a"}},
		{"a CR beyond the limit at the end of the file", "0123456789\r", 10, []string{"0123456789\r"}},
		{"longer than the buffer, within the limit", long + "\r\n" + long, 1 << 20, []string{long, long}},
		{"longer than the buffer, exactly the limit", long + "\r\n" + long + "\n" + long, len(long), []string{long, long, long}},
		{"longer than the buffer and the limit", long + "\nb\r\n" + long, 10, []string{"xxxxxxxxxxx", "b", "xxxxxxxxxxx"}},
	}
	for _, c := range cases {
		t.Run(c.note, func(t *testing.T) {
			for name, r := range map[string]io.Reader{"whole": strings.NewReader(c.file), "halves": iotest.HalfReader(strings.NewReader(c.file)),
				"data and error together": iotest.DataErrReader(strings.NewReader(c.file))} {
				got, truncated := readLines(t, r, c.limit)
				if strings.Join(got, "|") != strings.Join(c.want, "|") || len(got) != len(c.want) {
					t.Errorf("%s: got %.80q, want %.80q", name, got, c.want)
				}
				for i, cut := range truncated {
					if cut != (c.note == "two more" && i != 1 || c.note == "longer than the buffer and the limit" && i != 1) {
						t.Errorf("%s: line %d truncated: %t", name, i, cut)
					}
				}
			}
		})
	}
}

func TestLines_ReadError(t *testing.T) {
	broken := errors.New("the disk is gone")
	l := NewLines(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), 10)
	if line, err := l.Next(); string(line) != "a" || err != nil {
		t.Fatalf("%q %v", line, err)
	}
	if line, err := l.Next(); line != nil || !errors.Is(err, broken) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%q %v", line, err)
	}
}

// endless is a line without end.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range n {
		p[i] = 'x'
	}
	e.left -= n
	return n, nil
}

func TestLines_MemoryIsBounded(t *testing.T) {
	l := NewLines(&endless{left: 64 << 20}, 1000)
	line, err := l.Next()
	if err != nil || len(line) != 1001 || !l.Truncated() {
		t.Fatalf("%d bytes, %v", len(line), err)
	}
	if cap(l.buf) > 4096 {
		t.Errorf("%d bytes are kept of a line of 64 MiB", cap(l.buf))
	}
	if _, err := l.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// FuzzLines compares with strings.Split.
func FuzzLines(f *testing.F) {
	f.Add("a\r\n\nb", 3)
	f.Fuzz(func(t *testing.T, file string, limit int) {
		limit = 1 + (limit&0xff)%20
		got, _ := readLines(t, strings.NewReader(file), limit)
		parts := strings.Split(file, "\n")
		last := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		for i := range parts {
			parts[i] = strings.TrimSuffix(parts[i], "\r")
		}
		if last != "" {
			parts = append(parts, last)
		}
		if len(got) != len(parts) {
			t.Fatalf("%d lines, want %d", len(got), len(parts))
		}
		for i, want := range parts {
			if want = want[:min(len(want), limit+1)]; got[i] != want {
				t.Fatalf("line %d is %q, want %q", i, got[i], want)
			}
		}
	})
}
