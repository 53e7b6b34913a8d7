package statement_test

import (
	"os"
	"reflect"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/statement"
)

var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// TestText_ComesBackUnchanged sends texts as parameters over both protocols.
func TestText_ComesBackUnchanged(t *testing.T) {
	texts := []string{"", "plain", `a\b`, `ends in \`, `\N`, `it's "quoted", [x]`, "tab\tline\nreturn\r", "nul\x00", "søren 中", `\' OR 1 = 1 --`, "NULL"}
	for name, protocol := range map[string]clickhouse.Protocol{"native": clickhouse.Native, "http": clickhouse.HTTP} {
		t.Run(name, func(t *testing.T) {
			conn, err := clickhouse.Open(server.Options(t, protocol))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			for _, text := range texts {
				ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{"text": statement.Text(text), "texts": statement.Texts(texts)}))
				var one string
				var all []string
				if err := conn.QueryRow(ctx, "SELECT {text:String}, {texts:Array(String)}").Scan(&one, &all); err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				if one != text || !reflect.DeepEqual(all, texts) {
					t.Errorf("sent %q, got %q and %q", text, one, all)
				}
			}
		})
	}
}
