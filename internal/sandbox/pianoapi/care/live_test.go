package care_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
)

// TestDesk_ServesWhileTheWorldLives: requests and the actions of subscribers do not wait
// for each other forever, and every answer is whole.
func TestDesk_ServesWhileTheWorldLives(t *testing.T) {
	s := setUp(t)
	uid := text(s.search("has_active_subscription", "true")[0], "uid")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.publisher.Live(ctx, 500) }()
	var group sync.WaitGroup
	for _, c := range []struct{ method, endpoint string }{
		{http.MethodGet, grantEndpoint}, {http.MethodPost, "/publisher/user/search"}, {http.MethodGet, "/publisher/conversion/list"},
		{http.MethodGet, promotions + "list"}, {http.MethodGet, "/publisher/promotion/code/list"}, {http.MethodPost, "/publisher/subscription/stats"},
	} {
		group.Go(func() {
			for range 5 {
				status, body, err := s.send(c.method, c.endpoint, s.params("uid", uid, "rid", "RR1", "promotion_id", "PR000001", "offset", "0", "limit", "20"))
				if err != nil || status != http.StatusOK {
					t.Errorf("%s: status %d, %v: %.200s", c.endpoint, status, err, body)
				}
			}
		})
	}
	group.Go(func() {
		for range 5 {
			if _, err := s.desk.Checkout(t.Context(), uid, "TMPAY00", "SPRING20"); err != nil {
				t.Error(err)
			}
		}
	})
	group.Wait()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := s.server.Changed(grantEndpoint); n != 5 {
		t.Errorf("%d grants", n)
	}
}
