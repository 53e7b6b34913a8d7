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

// healthCommand lets an image without a shell check itself.
func (a *app) healthCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "health",
		Short: "ask the instance on this machine whether it lives (or is ready)",
		Long: `Asks /livez of the instance that listens at http.listen, for container health
checks: the image has no shell. With --ready it asks /readyz.`,
		Example: `  pianola health
  pianola health --ready`,
		Args: cobra.NoArgs,
	}
	ready := c.Flags().Bool("ready", false, "ask whether it is ready, not only whether it lives")
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
		client := http.Client{Timeout: 5 * time.Second}
		request, err := http.NewRequestWithContext(c.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, port)+page, nil)
		if err != nil {
			return fmt.Errorf("ask %s: %w", page, err)
		}
		response, err := client.Do(request)
		if err != nil {
			var op *net.OpError
			if errors.As(err, &op) {
				err = op.Err
			}
			return fmt.Errorf("no instance answers at %s: check that pianola run is up, and has the same http.listen: %w", settings.HTTP.Listen, err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
		if err != nil {
			return fmt.Errorf("ask the instance: %w", err)
		}
		if err := a.print(string(body)); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answered %s: %w", page, response.Status, errFound)
		}
		return nil
	}
	return c
}
