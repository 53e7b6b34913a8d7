package transform

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	const kim = "sha256:5d9a0087d4ccdb9bc50e88c4713479119e48a326fd360d647cf1643f3cae13e7"
	const hash = "62A14E44F765419D10FEA99367361A727C12365E2520F32218D505ED9AA0F62F"
	cases := []struct{ note, message, want string }{
		{"known fields as they are", `{"subscription_id":" RC1 ","transaction_value":1.50,"is_internal_user":true,"term_name":null,"next_billed_at":"so\u006fn\n"}`,
			`{"subscription_id":" RC1 ","transaction_value":1.50,"is_internal_user":true,"term_name":null,"next_billed_at":"soon\u000a"}`},
		{"the guard on decoded text", `{"term_name":"for kim\u0040example.com","transaction_value":"kim@example.com"}`,
			`{"term_name":"for ` + kim + `","transaction_value":"` + kim + `"}`},
		{"e-mail fields hashed", `{"user_email":" Kim@Example.com ","email":"kim@example.com","user_email_hash_sha256":"kim@example.com"}`,
			`{"user_email":"` + kim + `","email":"` + kim + `","user_email_hash_sha256":"` + kim + `"}`},
		{"or masked", `{"user_email":"Kim Holm <kim@example.com>","email":5,"user_email_hash_sha256":"md5:62a1"}`,
			`{"user_email":"xxx xxxx <xxx@xxxxxxx.xxx>","email":"9","user_email_hash_sha256":"xx9:99x9"}`},
		{"a hash is kept", `{"user_email_hash_sha256":"` + hash + `","user_email":null}`,
			`{"user_email_hash_sha256":"` + hash + `","user_email":null}`},
		{"unknown values as their type, after the known fields", `{"a":"kim@example.com","b":1,"c":null,"d":[1],"e":{"user_id":1},"f":true,"user_id":"u1"}`,
			`{"user_id":"u1","a":"string","b":"number","c":"null","d":"array","e":"object","f":"boolean"}`},
		{"unknown names guarded", `{"kim\u0040example.com":1}`, `{"` + kim + `":"number"}`},
		{"what holds no text, as its type", `{"user_id":["kim@example.com"],"email":{"a":"kim@example.com"}}`,
			`{"user_id":"array","email":"object"}`},
		{"repeated fields each time", `{"user_id":"u1","user_id":"u2"}`, `{"user_id":"u1","user_id":"u2"}`},
		{"an empty object", ` { } `, `{}`},
		{"a prefix", "\x00\x00\x00\x00\x07{\"user_id\":1}", `{"user_id":1}`},
		{"no JSON", `{"user_id":"Kim@example.com", 42 é ٣`, `{"xxxx_xx":"xxx@xxxxxxx.xxx", 99 x 9`},
		{"no object", `["RC1"]`, `["xx9"]`},
		{"no UTF-8", "{\"a\":\"\xff\"}", "{\"x\":\"\ufffd\"}"},
		{"nothing", "", ""},
	}
	w := newWorker(t, Defaults())
	for _, c := range cases {
		t.Run(c.note, func(t *testing.T) {
			if got := w.Redact([]byte(c.message)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestRedact_AtMost4KiB(t *testing.T) {
	w := newWorker(t, Defaults())
	var all strings.Builder
	for f, known := range fieldTable {
		fmt.Fprintf(&all, `,"%s":"%d %s"`, known.name, f, strings.Repeat("kim@example.com \\u0000é", 500))
	}
	var unknown strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&unknown, `,"unknown_%d":%d`, i, i)
	}
	cases := map[string]string{
		"every field is long":     "{" + all.String()[1:] + "}",
		"a thousand unknown":      "{" + unknown.String()[1:] + "}",
		"both":                    "{" + unknown.String()[1:] + all.String() + "}",
		"a long name":             `{"` + strings.Repeat("n", 10_000) + `":1,` + least + `}`,
		"a long number":           `{"transaction_value":` + strings.Repeat("9", 10_000) + `,` + least + `}`,
		"the same field for ever": "{" + strings.Repeat(`"user_id":"u1",`, 1000) + least + "}",
	}
	for note, message := range cases {
		t.Run(note, func(t *testing.T) {
			got := w.Redact([]byte(message))
			if len(got) > maxRedacted || len(got) < 100 {
				t.Errorf("%d bytes", len(got))
			}
			var object map[string]any
			if err := json.Unmarshal([]byte(got), &object); err != nil {
				t.Fatalf("%v: %s", err, got)
			}
			if strings.Contains(message, `"experience_name"`) {
				for _, known := range fieldTable {
					if _, ok := object[known.name]; !ok {
						t.Errorf("%s is left out", known.name)
					}
				}
			}
			noAddressInJSON(t, "payload", []byte(got))
		})
	}
	t.Run("no JSON", func(t *testing.T) {
		if got := w.Redact([]byte(strings.Repeat("é1", 10_000))); got != strings.Repeat("x9", maxRedacted/2) {
			t.Errorf("%d bytes: %.20s", len(got), got)
		}
	})
	t.Run("too large", func(t *testing.T) {
		config := Defaults()
		config.MaxMessageBytes = 10
		if got := newWorker(t, config).Redact([]byte(`{"user_id":"kim"}`)); got != `{"xxxx_xx":"xxx"}` {
			t.Errorf("%s", got)
		}
	})
}
