package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// vectors are the cases that the package transform is tested with too.
type vectors struct {
	Now   string
	Cases []struct {
		Note    string
		Config  map[string]any
		Message string
		Base64  string `json:"message_base64"`
		Expect  map[string]any
	}
}

func TestTransform_Vectors(t *testing.T) {
	text, err := os.ReadFile("../../transform/testdata/events.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for _, c := range v.Cases {
		t.Run(strings.ReplaceAll(c.Note, " ", "_"), func(t *testing.T) {
			message := []byte(c.Message)
			if c.Base64 != "" {
				if message, err = base64.StdEncoding.DecodeString(c.Base64); err != nil {
					t.Fatal(err)
				}
			}
			got := call(t, environmentOf(c.Config), string(message)+"\n", "transform", "--now", v.Now)
			if got.code != exitDone {
				t.Fatalf("exit status %d: %s", got.code, got.stderr)
			}
			line, rest, _ := strings.Cut(got.stdout, "\n")
			if rest != "" {
				t.Errorf("one line in, and out came %q", got.stdout)
			}
			result := decode(t, line)
			delete(result, "detail") // the cases leave it open
			if !reflect.DeepEqual(result, c.Expect) {
				t.Errorf("got  %v\nwant %v", result, c.Expect)
			}
		})
	}
}

// environmentOf gives settings below transform as variables.
func environmentOf(settings map[string]any) []string {
	var environment []string
	for name, value := range settings {
		text := fmt.Sprint(value)
		switch v := value.(type) {
		case []any:
			items := []string{}
			for _, item := range v {
				items = append(items, fmt.Sprint(item))
			}
			text = strings.Join(items, ",")
		case map[string]any:
			pairs := []string{}
			for from, to := range v {
				pairs = append(pairs, from+":"+fmt.Sprint(to))
			}
			text = strings.Join(pairs, ",")
		}
		environment = append(environment, "PIANOLA_TRANSFORM_"+strings.ToUpper(name)+"="+text)
	}
	return environment
}

func decode(t *testing.T, line string) map[string]any {
	t.Helper()
	var result map[string]any
	if err := json.Unmarshal([]byte(line), &result); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	return result
}

const three = `{"subscription_id":"a","event_timestamp":"2024-01-01","subscription_action":"created"}

not json
`

func TestTransform_FileAndSummary(t *testing.T) {
	file := write(t, "events.ndjson", three)
	got := call(t, nil, "", "transform", "--now", "2026-01-01T00:00:00Z", file)
	if got.code != exitDone || strings.Count(got.stdout, "\n") != 3 {
		t.Fatalf("got %+v", got)
	}
	for _, want := range []string{"messages 3", "stored 1", "filtered 0", "dead letters 1", "invalid_json 1", "skipped 1"} {
		if !strings.Contains(strings.Join(strings.Fields(got.stderr), " "), want) {
			t.Errorf("standard error does not count %q:\n%s", want, got.stderr)
		}
	}
	if again := call(t, nil, three, "transform", "--now", "2026-01-01T00:00:00Z", "-"); again.stdout != got.stdout {
		t.Errorf("standard input gives %q, the file %q", again.stdout, got.stdout)
	}
}

func TestTransform_SettingsAsFlags(t *testing.T) {
	message := `{"subscription_id":"a","at":"2024-01-01T12:00:00","subscription_action":"created"}` + "\n"
	got := call(t, nil, message, "transform", "--transform.field_aliases", "at:event_timestamp", "--transform.source_timezone", "Asia/Tokyo")
	if !strings.Contains(got.stdout, `"event_timestamp":"2024-01-01T03:00:00.000Z"`) {
		t.Errorf("got %+v", got)
	}
}

func TestTransform_ContinuesAfterTooLargeLine(t *testing.T) {
	input := io.MultiReader(&endless{left: 64 << 20}, strings.NewReader("\n"+three))
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"transform"}, input, &stdout, &stderr, nil); code != exitDone {
		t.Fatalf("exit status %d: %s", code, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], `"too_large"`) || !strings.Contains(lines[1], `"stored"`) {
		t.Errorf("got %q", lines)
	}
}

// endless is one long line.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range p[:n] {
		p[i] = 'x'
	}
	e.left -= n
	return n, nil
}

func TestTransform_ClosedOutputIsSilent(t *testing.T) {
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"transform"}, strings.NewReader(strings.Repeat(three, 10_000)), broken{}, &stderr, nil)
	if code != exitFailed || strings.Contains(stderr.String(), "pianola:") {
		t.Errorf("exit status %d, standard error %q: want a quiet end", code, stderr.String())
	}
}

// broken is a pipe that nobody reads any more.
type broken struct{}

func (broken) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
}

func BenchmarkTransformCommand(b *testing.B) {
	line := `{"subscription_id":"RC0A1B2C3D","user_id":"u00000017","event_timestamp":"2024-01-05T11:00:00.123456+01:00","subscription_action":"subscription_auto_renewed","event_name":"subscription_event","resource_name":"Digital Access","next_billed_at":1707127200,"billing_period":"1 month","term_type":"payment","term_name":"Monthly 99 kr","transaction_value":"99.00","trial_period_ended_at":null,"trial_duration":"","billing_country_code":"dk","subscription_period_number":"3","payment_mode":"Credit Card","upgrade_to_subscription_id":null,"user_email":"reader@example.com","is_internal_user":"no","experience_name":"Paywall A/B","schema_version":2}` + "\n"
	input := strings.Repeat(line, 10_000)
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	for b.Loop() {
		if code := run(b.Context(), []string{"transform"}, strings.NewReader(input), io.Discard, io.Discard, nil); code != exitDone {
			b.Fatalf("exit status %d", code)
		}
	}
	b.ReportMetric(float64(10_000*b.N)/b.Elapsed().Seconds(), "messages/s")
}
