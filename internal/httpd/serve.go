package httpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// closeTimeout limits the wait for active requests at shutdown.
const closeTimeout = 5 * time.Second

// Bind listens on an address, so that a conflict is an error at start. setting is the key
// of the address.
func Bind(ctx context.Context, address, setting string) (net.Listener, error) {
	var socket net.ListenConfig
	listener, err := socket.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use: stop the other process, or set %s to another address: %w", address, setting, syscall.EADDRINUSE)
	case err != nil:
		return nil, fmt.Errorf("listen for http (check %s): %w", setting, err)
	}
	return listener, nil
}

// Serve runs serve, which is one of the server's methods of that name, until ctx ends. Then
// it waits a limited time for active requests. It returns nil after a clean shutdown.
func Serve(ctx context.Context, server *http.Server, serve func() error) error {
	failed := make(chan error, 1) // not closed: one value, one reader
	go func() { failed <- serve() }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	err := server.Shutdown(bound)
	if err != nil {
		err = server.Close() // the timeout is over: close the connections
	}
	if serveErr := <-failed; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	if err != nil {
		return fmt.Errorf("close http: %w", err)
	}
	return nil
}

// Release closes a listener that may be closed already.
func Release(listener net.Listener) error {
	if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close http: %w", err)
	}
	return nil
}
