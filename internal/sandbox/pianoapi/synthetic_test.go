package pianoapi_test

import (
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
)

func TestSynthetic_IsReadWhole(t *testing.T) {
	store := pianoapi.Synthetic{Subscriptions: 2345, Begin: time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)}
	_, client := serve(t, pianoapi.Config{}, store, nil)
	all, words := map[string]bool{}, map[string]int{}
	report, err := client.Sweep(t.Context(), func(page []piano.Subscription) error {
		for _, one := range page {
			all[one.ID] = true
			words[one.Status]++
		}
		return nil
	})
	if err != nil || len(all) != store.Subscriptions || report.Again != 0 || len(words) != 10 {
		t.Errorf("read %d, %v, %+v, %v", len(all), words, report, err)
	}
	for id := range all {
		one, err := client.Get(t.Context(), id)
		if err != nil || one.ID != id {
			t.Errorf("%s: %+v, %v", id, one, err)
		}
		found, _, err := client.Find(t.Context(), one.UserID, 10)
		if err != nil || len(found) != 1 || found[0].ID != id {
			t.Errorf("%s: found %d, %v", one.UserID, len(found), err)
		}
		break
	}
	for _, id := range []string{"SYN000002345", "SYN1", "RC1"} {
		if _, ok := store.Get(id); ok {
			t.Errorf("%s is there", id)
		}
	}
}
