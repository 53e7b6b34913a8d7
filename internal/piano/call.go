package piano

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// Answer is the payload of an answer, for packages that know its form. It may be personal:
// this package keeps nothing of it, and shows nothing of it in errors.
type Answer struct {
	// Payload is nil without one.
	Payload json.RawMessage
	// Total is how many rows a list has in all; nil where the answer does not say it.
	Total *int
	// Count is how many rows this page has, or what a call that counts has counted.
	Count *int

	of request
}

// Read makes a call that changes nothing. It is retried like every read.
func (c *Client) Read(ctx context.Context, e Endpoint, params url.Values) (Answer, error) {
	if e.Changes() {
		return Answer{}, fmt.Errorf("piano %s: this call changes something and cannot be made as a read", e.path)
	}
	return c.ask(ctx, request{endpoint: e, params: params})
}

// Send makes a call that changes something, over a connection of its own. It is repeated
// only as the endpoint says. An error that wraps ErrOutcomeUnknown means that the result is unknown; any other error
// means that nothing was done.
func (c *Client) Send(ctx context.Context, e Endpoint, params url.Values) (Answer, error) {
	if !e.Changes() {
		return Answer{}, fmt.Errorf("piano %s: this call changes nothing", e.path)
	}
	return c.ask(ctx, request{endpoint: e, params: params})
}

func (c *Client) ask(ctx context.Context, r request) (Answer, error) {
	e, err := c.call(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Payload: e.payload, Total: e.Total, Count: e.Count, of: r}, nil
}

// Empty reports whether there is no payload, or null.
func (a Answer) Empty() bool { return len(a.Payload) == 0 || string(a.Payload) == "null" }

// Decode decodes the payload. Its error names the field and shows no value.
func (a Answer) Decode(into any) error {
	if a.Empty() {
		return a.Error(fmt.Errorf("%w: %s: is missing", ErrShape, a.of.endpoint.payload[0]))
	}
	if err := json.Unmarshal(a.Payload, into); err != nil {
		if errors.Is(err, ErrShape) {
			return a.Error(err)
		}
		return a.Error(shape(a.of.endpoint.payload[0], err))
	}
	return nil
}

// Done checks the answer of a call that answers with true or false. Another answer leaves
// the outcome of a change unknown.
func (a Answer) Done() error {
	switch string(a.Payload) {
	case "true":
		return nil
	case "false":
		return a.Error(ErrRefused)
	default:
		return a.Error(a.of.unknown(fmt.Errorf("%w: %s: want true or false", ErrShape, a.of.endpoint.payload[0])))
	}
}

// Error is an error about the form of the answer. After a change the outcome is unknown,
// unless Piano has refused it.
func (a Answer) Error(cause error) error {
	if !errors.Is(cause, ErrRefused) && !errors.Is(cause, ErrOutcomeUnknown) {
		cause = a.of.unknown(cause)
	}
	return &Error{Endpoint: a.of.endpoint.path, Status: http.StatusOK, cause: cause}
}
