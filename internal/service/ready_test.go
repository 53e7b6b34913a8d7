package service_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/service"
)

// TestService_ReadinessOfMuteAddresses: addresses that accept connections and say
// nothing must not make a probe wait for all of them.
func TestService_ReadinessOfMuteAddresses(t *testing.T) {
	tier.Full(t, "waits for mute addresses")
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			settings, err := config.Load(config.Source{Environment: []string{
				"PIANOLA_KAFKA_BROKERS=127.0.0.1:1", "PIANOLA_HTTP_LISTEN=127.0.0.1:0",
				"PIANOLA_CLICKHOUSE_PROTOCOL=" + protocol, "PIANOLA_CLICKHOUSE_ADDR=" + testbed.Mute(t) + "," + testbed.Mute(t),
			}}).Check()
			if err != nil {
				t.Fatal(err)
			}
			s, err := service.New(t.Context(), settings, service.Options{Log: zap.NewNop(), Registry: prometheus.NewRegistry(), Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			defer func() { cancel(); <-ended }()
			begin := time.Now()
			response, err := http.Get("http://" + s.Addr() + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			// The bound is 2 s. Without it two mute addresses take 10 s.
			if took := time.Since(begin); err != nil || response.StatusCode != http.StatusServiceUnavailable || took > 5*time.Second {
				t.Errorf("after %s: %s: %s, %v", took, response.Status, text, err)
			}
			if !strings.Contains(string(text), "clickhouse") || !strings.Contains(string(text), "schema") {
				t.Errorf("%s", text)
			}
		})
	}
}
