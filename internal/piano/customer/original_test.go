package customer_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/piano/customer"
)

// TestClient_UsesAnIDThatIsAnAddress: pages have the hash, and Piano gets the address.
func TestClient_UsesAnIDThatIsAnAddress(t *testing.T) {
	const address = "canary.kari@example.com"
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = append(asked, r.Form.Get("uid"))
		switch {
		case strings.HasSuffix(r.URL.Path, "/subscription/get"):
			_, _ = w.Write([]byte(`{"code":0,"subscription":{"subscription_id":"S1","user":{"uid":"` + address + `"}}}`))
		case strings.HasSuffix(r.URL.Path, "/note/create"):
			_, _ = w.Write([]byte(`{"code":0,"note":{"user_note_id":"N1"}}`))
		case strings.HasSuffix(r.URL.Path, "/user/list"):
			_, _ = w.Write([]byte(`{"code":0,"total":1,"users":[{"uid":"` + address + `"}]}`))
		case r.Form.Get("uid") != address:
			_, _ = w.Write([]byte(`{"code":2004}`))
		case strings.HasSuffix(r.URL.Path, "/user/get"):
			_, _ = w.Write([]byte(`{"code":0,"user":{"uid":"` + address + `"}}`))
		default:
			_, _ = w.Write([]byte(`{"code":0,"total":0}`))
		}
	}))
	defer s.Close()
	ctx := t.Context()
	for name, learn := range map[string]func(*customer.Client) error{
		"by_list": func(c *customer.Client) error {
			_, err := c.List(ctx, customer.Personal{}, customer.Page{Limit: 1})
			return err
		},
		"by_address":      func(c *customer.Client) error { _, err := c.User(ctx, address); return err },
		"by_subscription": func(c *customer.Client) error { return c.LearnUser(ctx, "S1") },
	} {
		t.Run(name, func(t *testing.T) {
			c, logs := client(t, s.URL, "app", "canary-token")
			known, _ := client(t, s.URL, "app", "canary-token")
			u, err := known.User(ctx, address)
			if err != nil || strings.Contains(u.UID, "@") || !strings.Contains(u.UID, "sha256:") {
				t.Fatalf("the id is %q, %v", u.UID, err)
			}
			asked = nil
			if _, err := c.User(ctx, u.UID); !errors.Is(err, customer.ErrHashedUser) || len(asked) != 0 {
				t.Errorf("an unknown user: %v, asked %q", err, asked)
			}
			if err := learn(c); err != nil {
				t.Fatal(err)
			}
			if again, err := c.User(ctx, u.UID); err != nil || again.UID != u.UID {
				t.Errorf("%+v, %v", again, err)
			}
			asked = nil
			if _, _, err := c.Accesses(ctx, u.UID); err != nil {
				t.Error(err)
			}
			if _, err := c.AddNote(ctx, u.UID, customer.NewPersonal("x"), false); err != nil {
				t.Error(err)
			}
			if len(asked) != 2 || asked[0] != address || asked[1] != address {
				t.Errorf("asked about %q", asked)
			}
			if strings.Contains(logText(logs), "canary.kari") {
				t.Error("the log has the address")
			}
		})
	}
}
