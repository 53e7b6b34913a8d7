package sink_test

import (
	"fmt"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

func ExampleChunk_Append() {
	chunk := sink.NewChunk()
	event := schemas.Event{SubscriptionID: []byte("RC1"), SubscriptionAction: []byte(schemas.Renewed)}
	at := schemas.Coordinates{Source: schemas.SourceKafka, Name: "piano.subscriber-events", Offset: 42}
	chunk.Append(&event, at, schemas.KafkaVersion(1_740_000_000_000, at.Offset))
	fmt.Println(chunk.Rows())
	chunk.Reset() // keeps the memory
	fmt.Println(chunk.Rows())
	// Output:
	// 1
	// 0
}
