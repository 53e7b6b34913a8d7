package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
)

// healthCommand is for container health checks: the image has no shell.
func (a *app) healthCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "health",
		Short: "check that the local instance is alive or ready",
		Long: `Requests /livez (with --ready: /readyz) from the instance at http.listen.
Container health checks use it, because the image has no shell. The exit status
is 3 when the instance is not healthy.`,
		Example: `  pianola health
  pianola health --ready`,
		Args: cobra.NoArgs,
	}
	ready := c.Flags().Bool("ready", false, "check readiness instead of liveness")
	config.AddFlags(c.Flags(), "http")
	c.RunE = func(c *cobra.Command, _ []string) error {
		settings, err := a.load(c).Check("http")
		if err != nil {
			return err
		}
		page := "/livez"
		if *ready {
			page = "/readyz"
		}
		host, port, err := net.SplitHostPort(settings.HTTP.Listen)
		if err != nil {
			return fmt.Errorf("http.listen: %w", err)
		}
		if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		// Another server's answer says nothing about this instance, nor does that of a
		// proxy, which the default transport would use.
		client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		request, err := http.NewRequestWithContext(c.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, port)+page, nil)
		if err != nil {
			return fmt.Errorf("request %s: %w", page, err)
		}
		response, err := client.Do(request)
		if err != nil {
			var op *net.OpError
			if errors.As(err, &op) {
				err = op.Err
			}
			return fmt.Errorf("no instance answers at %s (check that pianola run is running with the same http.listen): %w", settings.HTTP.Listen, err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
		if err != nil {
			return fmt.Errorf("read %s: %w", page, err)
		}
		if err := a.print(string(body)); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s returned %s: %w", page, response.Status, errFound)
		}
		return nil
	}
	return c
}
