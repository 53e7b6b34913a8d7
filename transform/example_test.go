package transform_test

import (
	"fmt"
	"time"

	"github.com/pianola/pianola/transform"
)

func ExampleWorker_Apply() {
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		panic(err)
	}
	worker := rules.NewWorker() // one for each goroutine
	now := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, message := range []string{
		`{"subscription_id":"RC1","event_timestamp":"2024-01-05","subscription_action":"auto-renewed"}`,
		`{"subscription_id":"RC1","event_timestamp":"soon","subscription_action":"Renewed"}`,
	} {
		result := worker.Apply([]byte(message), now)
		switch result.Outcome {
		case transform.Stored:
			fmt.Printf("%s: %s %s\n", result.Outcome, result.Event.SubscriptionID, result.Event.SubscriptionAction)
		case transform.DeadLettered:
			fmt.Printf("%s: %s in %s\n", result.Outcome, result.Reason, result.Field)
		}
	}
	// Output:
	// stored: RC1 Renewed
	// dead_letter: invalid_timestamp in event_timestamp
}

func ExampleGuard() {
	fmt.Println(transform.Guard("gift from kim@example.com"))
	// Output: gift from sha256:5d9a0087d4ccdb9bc50e88c4713479119e48a326fd360d647cf1643f3cae13e7
}
