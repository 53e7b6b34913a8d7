package main

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestHealth_IgnoresProxies: a proxy's answer says nothing about the instance, and the page
// of a network address once went through HTTP_PROXY. 192.0.2.1 is reserved for documentation.
func TestHealth_IgnoresProxies(t *testing.T) {
	tier.Full(t, "runs a process, because Go reads HTTP_PROXY once")
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer proxy.Close()
	health := exec.CommandContext(t.Context(), build(t), "health", "--http.listen", "192.0.2.1:8095")
	health.Env = []string{"HTTP_PROXY=" + proxy.URL, "http_proxy=" + proxy.URL}
	if out, err := health.CombinedOutput(); err == nil || asked.Load() > 0 {
		t.Errorf("%v, %d requests to the proxy: %s", err, asked.Load(), out)
	}
}
