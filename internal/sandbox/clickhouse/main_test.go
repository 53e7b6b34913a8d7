package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

const password = "only-for-these-tests"

func TestMain(m *testing.M) {
	clickhouse.ServeIfChild()
	if dir := os.Getenv(parentVariable); dir != "" {
		os.Exit(parent(dir))
	}
	goleak.VerifyTestMain(m)
}

// start starts a server with an owner until the test ends.
func start(t *testing.T, change func(*clickhouse.Config)) *clickhouse.Server {
	t.Helper()
	c := clickhouse.Loopback(t.TempDir())
	c.Access.Users = []clickhouse.User{clickhouse.Owner("owner", password)}
	c.Progress = func(s string) { t.Log(s) }
	if change != nil {
		change(&c)
	}
	s, err := clickhouse.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// connect opens a connection of clickhouse-go until the test ends.
func connect(t *testing.T, s *clickhouse.Server, user, password string) driver.Conn {
	t.Helper()
	conn, err := ch.Open(&ch.Options{
		Addr: []string{s.NativeAddr()}, Auth: ch.Auth{Username: user, Password: password},
		DialTimeout: 5 * time.Second, Compression: &ch.Compression{Method: ch.CompressionLZ4},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func execute(t *testing.T, conn driver.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := conn.Exec(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// code is ClickHouse's code of an error, 0 without one.
func code(err error) int32 {
	var refused *ch.Exception
	if errors.As(err, &refused) {
		return refused.Code
	}
	if err != nil {
		return -1
	}
	return 0
}

// post sends a statement over HTTP with headers and parameters, as curl or a page
// would.
func post(t *testing.T, s *clickhouse.Server, statement string, header http.Header, parameters url.Values) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://%s/?%s", s.HTTPAddr(), parameters.Encode()), strings.NewReader(statement))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(text))
}
