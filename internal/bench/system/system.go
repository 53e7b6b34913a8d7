// Package system has the systems that are compared: each brings the same messages into the
// same table of ClickHouse.
//
// [All] lists them. A [System] prepares its tables and starts its work; the [Work] says
// when it reads, and when everything is stored. Measuring is the work of package compare.
package system

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/wait"
)

// System is one way to bring messages into ClickHouse. Its methods are called by one
// goroutine. Each run has a new database and a new consumer group.
type System interface {
	// Name is what --only and the results call it.
	Name() string
	// SetUp makes the tables. It is not measured.
	SetUp(ctx context.Context, r *Run) error
	// Start begins the work. The caller stops it, also after an error of the Work.
	Start(ctx context.Context, r *Run) (Work, error)
}

// Work is a system at work.
type Work interface {
	// PID is the system's own process; 0: it works within ClickHouse.
	PID() int
	// Ready waits until it reads.
	Ready(ctx context.Context) error
	// Done waits until every message is stored and will not be read again.
	Done(ctx context.Context) error
	// Stop ends it in order.
	Stop(ctx context.Context) error
}

// Run is one run of a system.
type Run struct {
	Lab      *lab.Lab
	Topic    *lab.Topic
	Database *lab.Database
	Group    string
	File     string // the messages of the topic, for systems that read a file

	Settings map[string]string // of Pianola, by key path
	Cores    int               // of the system's own process; 0: all
	Views    bool              // Pianola refreshes its state and metrics
}

// maxStall is how long a group may commit nothing before its run has failed.
const maxStall = 2 * time.Minute

// AwaitMembers waits until so many members of the group have partitions.
func (r *Run) AwaitMembers(ctx context.Context, n int, alive func() error) error {
	bounded, cancel := context.WithTimeout(ctx, maxStall)
	defer cancel()
	err := wait.Until(bounded, 10*time.Millisecond, func() (bool, error) {
		if err := alive(); err != nil {
			return false, err
		}
		members, err := r.Lab.Broker.Members(bounded, r.Group)
		return members >= n, err
	})
	if err != nil {
		return fmt.Errorf("wait for group %s to get its partitions: %w", r.Group, err)
	}
	return nil
}

// AwaitCommitted waits until the group has committed the end of the topic.
func (r *Run) AwaitCommitted(ctx context.Context, alive func() error) error {
	last, since := int64(-1), time.Now()
	err := wait.Until(ctx, 40*time.Millisecond, func() (bool, error) {
		if err := alive(); err != nil {
			return false, err
		}
		at, err := r.Lab.Broker.Committed(ctx, r.Group, r.Topic.Name)
		if err != nil {
			return false, err
		}
		all, sum := true, int64(0)
		for p, end := range r.Topic.Ends {
			all = all && at[p] >= end
			sum += at[p]
		}
		if sum != last {
			last, since = sum, time.Now()
		}
		if !all && time.Since(since) > maxStall {
			return false, fmt.Errorf("%w for %s, at %d messages", errStalled, maxStall, sum)
		}
		return all, nil
	})
	if err != nil {
		return fmt.Errorf("wait for group %s to commit all messages: %w", r.Group, err)
	}
	return nil
}

var errStalled = errors.New("no progress")

// alive is for systems within ClickHouse.
func (r *Run) alive() error {
	select {
	case <-r.Lab.ClickHouse.Ended():
		return fmt.Errorf("%w\n%s", errServerEnded, r.Lab.ClickHouse.LastLines())
	default:
		return nil
	}
}

var errServerEnded = errors.New("ClickHouse has ended by itself")
