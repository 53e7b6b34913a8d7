package client

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/gcerrors"
	"google.golang.org/api/googleapi"
)

// Error is a failed request to a bucket.
type Error struct {
	// Cause is a short sentence with what to do. It contains nothing of the answer but
	// the status and the code of the error.
	Cause string
	// Temporary is true where the same request may succeed later.
	Temporary bool
	// Changed is true where the object is not the one that was expected.
	Changed bool
	// Missing is true where the bucket or the object does not exist.
	Missing bool
}

// Error returns the cause.
func (e *Error) Error() string { return e.Cause }

// Explain turns an error of the libraries into an *Error. The end of the context remains
// what it is.
func Explain(err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	status, code := answer(err)
	switch kind := gcerrors.Code(err); {
	case kind == gcerrors.FailedPrecondition || status == http.StatusPreconditionFailed:
		return &Error{Cause: "the object has changed", Changed: true}
	case kind == gcerrors.NotFound || status == http.StatusNotFound:
		return &Error{Cause: "the bucket or the object does not exist, or the credentials may not see it; check the URL", Missing: true}
	case status == http.StatusMovedPermanently || code == "AuthorizationHeaderMalformed":
		return &Error{Cause: "the bucket is in another region; add ?region=REGION to the URL"}
	case kind == gcerrors.PermissionDenied || status == http.StatusForbidden || status == http.StatusUnauthorized:
		return &Error{Cause: "access denied" + coded(code) + "; the credentials need permission to list and to read, or to write, this bucket"}
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
		return &Error{Cause: fmt.Sprintf("the server of the bucket answers with status %d%s; try again later", status, coded(code)), Temporary: true}
	case status >= http.StatusBadRequest:
		return &Error{Cause: fmt.Sprintf("the server of the bucket refuses the request with status %d%s; check the parameters of the URL", status, coded(code))}
	}
	return &Error{Cause: unreachable(err), Temporary: true}
}

// answer is the HTTP status of an answer, 0 without one, and the code in it.
func answer(err error) (status int, code string) {
	var google *googleapi.Error
	if errors.As(err, &google) {
		return google.Code, ""
	}
	var coded smithy.APIError
	if errors.As(err, &coded) {
		code = coded.ErrorCode()
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	return status, code
}

func coded(code string) string {
	if code == "" {
		return ""
	}
	return " (" + code + ")"
}

// unreachable describes an error of the network without its addresses.
func unreachable(err error) string {
	var name *net.DNSError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var timeout net.Error
	switch {
	case errors.As(err, &name):
		return "the name of the bucket's server is unknown; check the endpoint and the region"
	case errors.As(err, &authority), errors.As(err, &host):
		return "the certificate of the bucket's server is not trusted; check the endpoint and the authorities of this machine"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the server of the bucket refuses the connection; check the endpoint"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "the server of the bucket does not answer; check the endpoint and the network"
	}
	return "the connection to the bucket was cut; try again"
}
