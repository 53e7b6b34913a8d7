package kafkalog_test

import (
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/replay/kafkalog"
)

func TestCauses_EachIsSaid(t *testing.T) {
	for _, cause := range kafkalog.Causes() {
		if text := cause.String(); text == string(cause) || !strings.Contains(text, " ") {
			t.Errorf("%q says nothing to an operator", string(cause))
		}
	}
}
