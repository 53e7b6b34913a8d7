package piano

import "net/http"

// SetTransport puts a test's own network under a client.
func SetTransport(c *Client, t http.RoundTripper) { c.http.Transport = t }
