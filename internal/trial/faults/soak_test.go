package faults

import (
	"testing"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
)

func TestSoak_faults_are_those_that_the_servers_allow(t *testing.T) {
	allowed := map[string]bool{}
	for _, f := range (&soak{Round: &harness.Round{Env: &harness.Env{Broker: &harness.Broker{}}}}).faults() {
		allowed[f.name] = true
	}
	if !allowed["error answered"] || !allowed["instance killed"] || !allowed["ClickHouse killed"] || allowed["broker hung"] {
		t.Errorf("with kfake these are possible: %v", allowed)
	}
}

func TestSoak_size_follows_the_duration_within_bounds(t *testing.T) {
	short, hour := soakSize(harness.Plan{}), soakSize(harness.Plan{Duration: 2 * time.Hour})
	if short*5 < int(minSoak.Seconds())*soakPace || hour*5 != int(maxSoak.Seconds())*soakPace {
		t.Errorf("a short round has %d subscribers, the longest %d", short, hour)
	}
}
