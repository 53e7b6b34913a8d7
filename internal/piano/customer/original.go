package customer

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// A user id may be an e-mail address. Tables and pages have its hash, and Piano knows the
// address only. So a client remembers the ids that Piano named; they stay in memory.

// maxOriginals limits them.
const maxOriginals = 10_000

// ErrHashedUser means that a user id contains an address, and this process has not read the user
// from Piano.
var ErrHashedUser = errors.New("the user id contains an e-mail address, which is known only as a hash: search for the address first")

type originals struct {
	mu      sync.Mutex // guards byShown
	byShown map[string]string
}

// learn remembers an id that differs from its guarded form.
func (o *originals) learn(original string) {
	original = strings.TrimSpace(original)
	shown := transform.Guard(original)
	if shown == original {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byShown == nil || len(o.byShown) >= maxOriginals {
		o.byShown = map[string]string{}
	}
	o.byShown[shown] = original
}

// Original returns a user id as Piano knows it. The error is ErrHashedUser where it is not
// known.
func (c *Client) Original(uid string) (string, error) {
	if !strings.Contains(uid, "sha256:") {
		return uid, nil
	}
	c.originals.mu.Lock()
	defer c.originals.mu.Unlock()
	if original, ok := c.originals.byShown[uid]; ok {
		return original, nil
	}
	return "", ErrHashedUser
}

// LearnUser reads the user of a subscription, so that an id that is an address can be used.
func (c *Client) LearnUser(ctx context.Context, subscriptionID string) error {
	original, err := c.api.UserOf(ctx, subscriptionID)
	if err == nil {
		c.originals.learn(original)
	}
	return err
}

// withOriginal are parameters with the user id as Piano knows it.
func (c *Client) withOriginal(params url.Values) (url.Values, error) {
	original, err := c.Original(params.Get("uid"))
	if err != nil || original == params.Get("uid") {
		return params, err
	}
	other := url.Values{}
	for name, values := range params {
		other[name] = values
	}
	other.Set("uid", original)
	return other, nil
}

func (c *Client) read(ctx context.Context, e piano.Endpoint, params url.Values) (piano.Answer, error) {
	params, err := c.withOriginal(params)
	if err != nil {
		return piano.Answer{}, err
	}
	return c.api.Read(ctx, e, params)
}

func (c *Client) send(ctx context.Context, e piano.Endpoint, params url.Values) (piano.Answer, error) {
	params, err := c.withOriginal(params)
	if err != nil {
		return piano.Answer{}, err
	}
	return c.api.Send(ctx, e, params)
}
