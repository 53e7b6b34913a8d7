package piano

import "net/http"

// SetTransport puts a test's own network under a client.
func SetTransport(c *Client, t http.RoundTripper) { c.http.Transport = t }

// SetMaxExport lowers the limit of an export's file.
func SetMaxExport(c *Client, bytes int64) { c.maxExport = bytes }
