package statement_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
)

func TestTransient(t *testing.T) {
	status := func(code int) error {
		return migrate.Explain(&clickhouse.HTTPError{StatusCode: code, Err: errors.New("<html>")})
	}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"no server behind a proxy":    {status(http.StatusBadGateway), true},
		"no route of an ingress":      {status(http.StatusNotFound), true},
		"a redirect":                  {status(http.StatusPermanentRedirect), false},
		"a request too large":         {status(http.StatusRequestEntityTooLarge), false},
		"an overloaded server":        {migrate.Explain(&clickhouse.Exception{Code: 745}), true},
		"an unknown table":            {migrate.Explain(&clickhouse.Exception{Code: 60}), false},
		"a cancelled context":         {fmt.Errorf("read: %w", context.Canceled), false},
		"a schema of another version": {fmt.Errorf("check: %w", migrate.ErrSchemaOlder), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := statement.Transient(c.err); got != c.want {
				t.Errorf("%v: %v", c.err, got)
			}
		})
	}
}
