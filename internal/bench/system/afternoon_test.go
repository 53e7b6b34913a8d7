package system

import (
	"context"
	"errors"
	"testing"

	"github.com/segmentio/kafka-go"
)

// TestNext_MessageAtTheLastMoment loses no message that arrives while the batch ends.
func TestNext_MessageAtTheLastMoment(t *testing.T) {
	over, end := context.WithCancel(t.Context())
	end()
	m, old, err := next(over, func(context.Context) (kafka.Message, error) { return kafka.Message{Offset: 7}, nil })
	if err != nil || old || m.Offset != 7 {
		t.Errorf("got offset %d, old %t, %v", m.Offset, old, err)
	}
	if _, old, err := next(over, func(ctx context.Context) (kafka.Message, error) { return kafka.Message{}, ctx.Err() }); err != nil || !old {
		t.Errorf("the end of a batch: old %t, %v", old, err)
	}
	broken := errors.New("broken")
	if _, old, err := next(t.Context(), func(context.Context) (kafka.Message, error) { return kafka.Message{}, broken }); !errors.Is(err, broken) || old {
		t.Errorf("an error: old %t, %v", old, err)
	}
}
