package customer_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
)

// shown is a value in every notation that a log, a page or an API may use.
func shown(t *testing.T, v any) string {
	t.Helper()
	var all bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%T"} {
		fmt.Fprintf(&all, verb+"\n", v)
	}
	fmt.Fprintln(&all, v, fmt.Errorf("wrapped: %v", v))
	for name, marshal := range map[string]func(any) ([]byte, error){"json": json.Marshal, "xml": xml.Marshal} {
		text, err := marshal(v)
		if err != nil && name == "json" {
			t.Error(err)
		}
		all.Write(text)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&all, nil), slog.NewJSONHandler(&all, nil)} {
		slog.New(h).Info("x", "value", v)
	}
	for _, e := range []zapcore.Encoder{zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())} {
		zap.New(zapcore.NewCore(e, zapcore.AddSync(&all), zap.DebugLevel)).Info("x", zap.Any("value", v), zap.Reflect("reflected", v))
	}
	if err := template.Must(template.New("").Parse(`{{.}} <a title="{{.}}"><script>var x = {{.}}</script>`)).Execute(&all, v); err != nil {
		t.Error(err)
	}
	return all.String()
}

func TestPersonal_ShowsNothing(t *testing.T) {
	p := customer.NewPersonal("canary")
	type row struct {
		Name  customer.Personal
		Names []customer.Personal
		By    map[string]customer.Personal
		At    *customer.Personal
	}
	// A pointer at a wrong verb is printed without the methods of what it points to.
	for _, v := range []any{p, &p, struct{ Row *row }{&row{Name: p}}, row{p, []customer.Personal{p}, map[string]customer.Personal{"x": p}, &p}, []any{p}} {
		if text := shown(t, v); strings.Contains(text, "canary") || strings.Contains(text, "63616e617279") { // %x
			t.Errorf("%T is shown: %s", v, text)
		}
	}
	if p.Reveal() != "canary" || p.Len() != 6 || p.Empty() || p.String() == "" || !(customer.Personal{}).Empty() || (customer.Personal{}).String() != "" {
		t.Errorf("%q, %d", p.Reveal(), p.Len())
	}
	for raw, want := range map[string]string{`" x "`: "x", `17`: "17", `null`: "", `true`: "true"} {
		var got customer.Personal
		if err := json.Unmarshal([]byte(raw), &got); err != nil || got.Reveal() != want {
			t.Errorf("%s: %q, %v", raw, got.Reveal(), err)
		}
	}
	for _, raw := range []string{`{"canary":1}`, `["canary"]`} {
		var got customer.Personal
		if err := json.Unmarshal([]byte(raw), &got); !errors.Is(err, piano.ErrShape) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestAmount_ReadsNumbersAndTexts(t *testing.T) {
	for raw, want := range map[string]string{`19.99`: "19.99", `"19.90"`: "19.9", `null`: "", `""`: "", `0`: "0", `1e2`: "100"} {
		var a customer.Amount
		if err := json.Unmarshal([]byte(raw), &a); err != nil || a.String() != want {
			t.Errorf("%s: %s, %v", raw, a, err)
		}
	}
	for _, raw := range []string{`"canary"`, `1e999999999`, `"1e400"`, `{}`, `100000000000000`, `"` + strings.Repeat("1", 50) + `"`} {
		var a customer.Amount
		if err := json.Unmarshal([]byte(raw), &a); !errors.Is(err, piano.ErrShape) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %s, %v", raw, a, err)
		}
	}
}
