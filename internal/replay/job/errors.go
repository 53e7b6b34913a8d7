package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/safetext"
)

// The reasons for which a run ends early. They are the cause of Run.Reading.
var (
	// ErrCanceled: somebody has canceled the job.
	ErrCanceled = errors.New("the job was canceled; what it has written stays")
	// ErrTakenOver: another process runs the job now.
	ErrTakenOver = errors.New("another process has taken over the job; this one has stopped")
	// ErrTooManyErrors: the job has opened more dead letters than its limit.
	ErrTooManyErrors = errors.New("more new dead letters than --max-errors allows; pianola dlq list shows them")
)

// StoppedError is the end of a run that may be continued.
type StoppedError struct {
	ID  string
	Err error // what ended it: the context's error, or a failure
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("%s; finished work is durable, resume with pianola replay resume %s", reasonOf(e.Err), e.ID)
}

// reasonOf is a reason as an operator reads it.
func reasonOf(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}

// Unwrap returns the reason.
func (e *StoppedError) Unwrap() error { return e.Err }

// OverlapError reports a running job that reads messages of the plan too.
type OverlapError struct {
	Other *Job
	Range Range // of the other job
}

func (e *OverlapError) Error() string {
	return fmt.Sprintf("job %s is running on %s and reads %s too; wait until it has ended (pianola replay show %s), or cancel it (pianola replay cancel %s)",
		e.Other.ID, e.Other.Instance, safetext.Name(e.Range.String()), e.Other.ID, e.Other.ID)
}

// RulesChangedError reports other rules than those that the job started with.
type RulesChangedError struct {
	ID    string
	Names []string
}

func (e *RulesChangedError) Error() string {
	return fmt.Sprintf("the rules have changed since job %s started: %s; restore them (pianola replay show %s prints the job's), or cancel the job (pianola replay cancel %s) and start a new one",
		e.ID, strings.Join(e.Names, ", "), e.ID, e.ID)
}

// AliveError reports that a process still runs the job.
type AliveError struct {
	ID, Instance string
	Age          time.Duration // of its last heartbeat
}

func (e *AliveError) Error() string {
	return fmt.Sprintf("job %s is running on %s, which wrote its last heartbeat %v ago; stop that process, or cancel the job (pianola replay cancel %s)",
		e.ID, e.Instance, e.Age.Round(time.Second), e.ID)
}

// NotResumableError reports that the job has ended for good.
type NotResumableError struct {
	ID    string
	State State
}

func (e *NotResumableError) Error() string {
	if e.State == Complete {
		return fmt.Sprintf("job %s is complete; there is nothing to resume", e.ID)
	}
	return fmt.Sprintf("job %s is %s and cannot be resumed; start a new one", e.ID, e.State)
}
