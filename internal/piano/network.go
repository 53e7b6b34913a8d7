package piano

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
)

// errNoHTTP stands for what net/http says of an answer that it cannot read: its
// words quote the answer, whatever is in it.
var errNoHTTP = errors.New("the connection broke, or the answer, perhaps a proxy's, was not HTTP")

// broken is an error of net/http as it may be shown: without the address, whose
// parameters can hold who is asked about, and without anything of an answer.
func broken(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var network net.Error
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &network), errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, new(tls.RecordHeaderError)):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	default:
		return errNoHTTP
	}
}

// shortestToken is the length from which a token is looked for in answers: what is
// shorter is no secret, and would be found everywhere.
const shortestToken = 6

// withoutToken masks the token where an answer repeats it: errors show Piano's own
// words, and rows are stored.
func (c *Client) withoutToken(body []byte) []byte {
	if len(c.cfg.Token) < shortestToken {
		return body
	}
	return bytes.ReplaceAll(body, []byte(c.cfg.Token), []byte("***"))
}
