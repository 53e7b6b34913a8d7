// Package authority is a private certificate authority for tests and trials. It issues
// server and client certificates: valid, expired, not yet valid, or for another name. A
// second authority gives certificates that nobody trusts.
//
// The main path: New makes an authority, Issue signs a certificate for a Template, and
// Handshake tests a client and a server configuration.
//
// Every authority and certificate has a new key, so no secret is stored.
package authority
