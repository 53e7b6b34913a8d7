package sink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
)

func TestFailed_Codes(t *testing.T) {
	want := map[Class][]int32{
		ClassRetry: {159, 202, 209, 210, 236, 394, 242, 319, 999, 252, 279, 285, 286, 425, 439, 499, 745, 1001,
			198, 218, 225, 265, 289, 500, 733},
		ClassSplit: {241, 173},
		ClassRow:   {469, 69, 321, 407, 6, 38, 41, 72, 131, 349, 395, 691, 153},
		ClassFatal: {16, 60, 81, 164, 497, 516, 1, 53, 75, 115, 201, 243, 396, 452, 4321},
	}
	for class, codes := range want {
		for _, code := range codes {
			t.Run(fmt.Sprintf("%d is %s over both libraries", code, class), func(t *testing.T) {
				for _, err := range []error{
					fmt.Errorf("handle packet: %w", &ch.Exception{Code: proto.Error(code), Message: "Too many parts (3001)"}),
					fmt.Errorf("batch: %w", &clickhouse.HTTPError{StatusCode: 500, Err: &clickhouse.Exception{Code: code, Message: "Too many parts (3001)"}}),
				} {
					if got := newError("insert", "a:1", err); got.Class != class || got.Code != code {
						t.Fatalf("%v: %s", got, got.Class)
					}
				}
			})
		}
	}
	t.Run("252 for partitions of one block is fatal", func(t *testing.T) {
		err := &ch.Exception{Code: 252, Message: "Too many partitions for single INSERT block (more than 100)"}
		if got := newError("insert", "", err); got.Class != ClassFatal || got.Hint == "" {
			t.Fatalf("%v: %s", got, got.Class)
		}
	})
	t.Run("a code outranks what its connection did", func(t *testing.T) {
		err := errors.Join(context.Canceled, io.EOF, &ch.Exception{Code: 60})
		if got := newError("insert", "", err); got.Class != ClassFatal || got.Code != 60 {
			t.Fatalf("%v: %s", got, got.Class)
		}
	})
}

func TestFailed_Client(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for name, c := range map[string]struct {
		err   error
		class Class
		is    error // what the result must unwrap to
	}{
		"refused connection":      {fmt.Errorf("dial: %w", refused), ClassRetry, syscall.ECONNREFUSED},
		"name not found":          {&net.DNSError{Err: "no such host", Name: "ch.example.com", IsNotFound: true}, ClassRetry, nil},
		"closed connection":       {fmt.Errorf("read: %w", net.ErrClosed), ClassRetry, net.ErrClosed},
		"end of stream":           {fmt.Errorf("read: %w", io.EOF), ClassRetry, io.EOF},
		"time bound":              {fmt.Errorf("do: %w", context.DeadlineExceeded), ClassRetry, context.DeadlineExceeded},
		"no free connection":      {clickhouse.ErrAcquireConnTimeout, ClassRetry, nil},
		"http exchange broke":     {&url.Error{Op: "Post", URL: "http://u:p@h/?query=" + secretText, Err: errors.New("server closed idle connection")}, ClassRetry, nil},
		"client closed":           {ch.ErrClosed, ClassRetry, nil},
		"certificate not trusted": {&url.Error{Op: "Post", URL: "https://h/", Err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, ClassFatal, nil},
		"plain text to tls":       {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, ClassFatal, nil},
		"certificate refused":     {&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, ClassFatal, nil},
		"bad gateway":             {&clickhouse.HTTPError{StatusCode: 502, Err: errors.New(secretText)}, ClassRetry, nil},
		"too many requests":       {&clickhouse.HTTPError{StatusCode: 429, Err: errors.New(secretText)}, ClassRetry, nil},
		"forbidden by a proxy":    {&clickhouse.HTTPError{StatusCode: 403, Err: errors.New(secretText)}, ClassFatal, nil},
		"not found by an ingress": {&clickhouse.HTTPError{StatusCode: 404, Err: errors.New(secretText)}, ClassRetry, nil},
		"unavailable":             {&clickhouse.HTTPError{StatusCode: 503, Err: errors.New(secretText)}, ClassRetry, nil},
		"gateway timeout":         {&clickhouse.HTTPError{StatusCode: 504, Err: errors.New(secretText)}, ClassRetry, nil},
		"too large for a proxy":   {&clickhouse.HTTPError{StatusCode: 413, Err: errors.New(secretText)}, ClassSplit, nil},
		"redirected":              {&clickhouse.HTTPError{StatusCode: 307, Err: errors.New(secretText)}, ClassFatal, nil},
		"not ClickHouse":          {&clickhouse.HTTPError{StatusCode: 400, Err: errors.New(secretText)}, ClassFatal, nil},
		"another protocol":        {errors.New("bad server packet type 72"), ClassFatal, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := newError("insert", "ch.example.com:9000", c.err)
			if got.Class != c.class {
				t.Fatalf("%v: %s", got, got.Class)
			}
			if got.Class == ClassFatal && got.Hint == "" {
				t.Fatal("nothing says what to do")
			}
			if c.is != nil && !errors.Is(got, c.is) {
				t.Fatalf("%v does not unwrap to %v", got, c.is)
			}
			for err := error(got); err != nil; err = errors.Unwrap(err) {
				if s := fmt.Sprintf("%+v", err); containsAny(s, "secret", "u:p@", "query=") {
					t.Fatalf("shows too much: %s", s)
				}
			}
		})
	}
}

func TestError_SaysWhatWhereAndWhatToDo(t *testing.T) {
	err := newError("insert into subscription_events", "ch.example.com:9000", &ch.Exception{Code: 60, Message: secretText})
	want := "insert into subscription_events: clickhouse at ch.example.com:9000: code 60 UNKNOWN_TABLE; run `pianola migrate`, and check clickhouse.database"
	if err.Error() != want {
		t.Fatalf("got  %s\nwant %s", err, want)
	}
}
