package lab

import (
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// TestNotYet has the answers of Apache Kafka while its first group waits for a coordinator.
func TestNotYet(t *testing.T) {
	shard := func(err error) error {
		return fmt.Errorf("describe: %w", &kadm.ShardErrors{Name: "DescribeGroups", AllFailed: true, Errs: []kadm.ShardError{{Err: err}}})
	}
	for _, err := range []error{kerr.GroupIDNotFound, kerr.CoordinatorNotAvailable, shard(kerr.CoordinatorNotAvailable), shard(kerr.CoordinatorLoadInProgress)} {
		if !notYet(err) {
			t.Errorf("%v ends a run", err)
		}
	}
	for _, err := range []error{nil, errors.New("another"), shard(kerr.GroupAuthorizationFailed)} {
		if notYet(err) {
			t.Errorf("%v is waited for", err)
		}
	}
}
