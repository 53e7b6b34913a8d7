package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/pianola/pianola/internal/sandbox"
)

// answer prints the result of a query as a table, which ClickHouse formats itself.
func answer(ctx context.Context, s *sandbox.Services, out io.Writer, sql string) error {
	format := url.Values{
		"default_format":                                         {"PrettySpaceNoEscapes"},
		"output_format_pretty_row_numbers":                       {"0"},
		"output_format_pretty_single_large_number_tip_threshold": {"0"},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.ClickHouse.HTTPAddr()+"/?"+format.Encode(), strings.NewReader(sql))
	if err != nil {
		return fmt.Errorf("query ClickHouse: %w", err)
	}
	request.SetBasicAuth(sandbox.User, s.Password)
	request.Close = true // the server waits for open connections when it stops
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("query ClickHouse: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read the result: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("query ClickHouse: %s", text)
	}
	_, err = out.Write(text)
	return err
}
