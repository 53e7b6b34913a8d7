package piano

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
)

// errNoHTTP replaces net/http's error about an invalid answer, which quotes the answer.
var errNoHTTP = errors.New("the connection broke, or the answer (perhaps of a proxy) was not HTTP")

// broken is an error of net/http that may be shown: without the address, whose parameters
// can identify a user, and without parts of an answer.
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
