package bucket

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]struct {
		name, prefix string
		pattern      bool
	}{
		"s3://exports/2025/a.csv":                                                   {"s3://exports/2025/a.csv", "2025/a.csv", false},
		"s3://exports/2025/*.csv?region=eu-north-1":                                 {"s3://exports/2025/*.csv", "2025/", true},
		"gs://exports/a%20b%25.ndjson":                                              {"gs://exports/a%20b%25.ndjson", "a b%.ndjson", false},
		"s3://exports/a?endpoint=http://127.0.0.1:9000&use_path_style=true":         {"s3://exports/a", "a", false},
		"s3://exports/a?endpoint=https%3A%2F%2Fminio.example%3A9000&anonymous=true": {"s3://exports/a", "a", false},
		"gs://exports":                 {"gs://exports/", "", false},
		"gs://exports/dir/":            {"gs://exports/dir/", "dir/", false},
		"s3://exports/a?profile=night": {"s3://exports/a", "a", false},
	} {
		l, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if l.Name() != want.name || l.Prefix() != want.prefix || l.HasPattern() != want.pattern {
			t.Errorf("%s: name %s, prefix %s, pattern %t", text, l.Name(), l.Prefix(), l.HasPattern())
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	for text, want := range map[string]string{
		"s3://canary:canary@exports/a":                                "must not contain credentials",
		"s3://canary@exports/a":                                       "must not contain credentials",
		"s3://exports/a?aws_secret_access_key=canary":                 "never from a URL",
		"s3://exports/a?X-Amz-Signature=canary":                       "never from a URL",
		"gs://exports/a?access_id=canary":                             "never from a URL",
		"s3://exports/a?endpoint=http://canary:canary@127.0.0.1:9000": "without credentials",
		"s3://exports/a?endpoint=http://h/?canary=1":                  "without credentials",
		"s3://exports/a?endpoint=canary":                              "is not a URL",
		"s3://exports/a?region=a&region=canary":                       "unknown or repeated",
		"s3://exports/a#canary":                                       "%23",
		"s3:///canary":                                                "no valid bucket",
		"s3://exports:9000/canary":                                    "no valid bucket",
		"https://host/canary":                                         "use s3://BUCKET/KEY",
		"azblob://canary/a":                                           "use s3://BUCKET/KEY",
		"s3://exports/%zzcanary":                                      "not a valid URL",
		"s3://exports/a?region=%zzcanary":                             "not valid",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestIsURL(t *testing.T) {
	for text, want := range map[string]bool{
		"s3://b/k": true, "https://h/": true, "gs:/b": false, "dir/a.csv": false, "-": false, "./s3://x": false, "://x": false,
	} {
		if IsURL(text) != want {
			t.Errorf("%s: %t", text, !want)
		}
	}
}

func TestLocation_Match(t *testing.T) {
	l, err := Parse("s3://b/2025/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"2025/a.csv": true, "2025/a/b.csv": false, "2024/a.csv": false} {
		if got, err := l.Match(key); got != want || err != nil {
			t.Errorf("%s: %t, %v", key, got, err)
		}
	}
	if _, err := l.At("[a").Match("a"); err == nil {
		t.Error("a pattern without end is accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("s3://exports/2025/*.csv?region=eu-north-1")
	f.Add("gs://u:p@b/%2F?anonymous=true#x")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Parse(text)
		if err != nil {
			return
		}
		// The name is stored and shown: it must be a location without anything else.
		again, err := Parse(l.Name())
		if err != nil || again.Name() != l.Name() || again.Key != l.Key || again.Bucket != l.Bucket || len(again.parameters) > 0 {
			t.Fatalf("%q has the name %q: %+v, %v", text, l.Name(), again, err)
		}
	})
}
