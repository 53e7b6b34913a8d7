package schemas_test

import (
	"fmt"

	"github.com/pianola/pianola/schemas"
)

func ExampleCoordinates_String() {
	at := schemas.Coordinates{Source: schemas.SourceKafka, Name: "piano.subscriber-events", Partition: 3, Offset: 42}
	fmt.Println(at)
	at.Epoch = 1 // the topic was recreated
	fmt.Println(at)
	// Output:
	// piano.subscriber-events/3/42
	// piano.subscriber-events@1/3/42
}

func ExampleOptions_Table() {
	fmt.Println(schemas.Options{Database: "piano"}.Table("subscription_events"))
	// Output: `piano`.`subscription_events`
}
