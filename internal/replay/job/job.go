package job

import (
	"time"

	"github.com/pianola/pianola/schemas"
)

// State is what a job does, or how it ended.
type State string

// The states. Interrupted is never written: it is running without heartbeats.
const (
	Running     State = "running"
	Interrupted State = "interrupted"
	Stopped     State = "stopped"  // by an operator's signal
	Failed      State = "failed"   // by an error or a limit
	Canceled    State = "canceled" // for good
	Complete    State = "complete"
)

// resumable reports whether the job may continue.
func (s State) resumable() bool { return s == Stopped || s == Failed || s == Interrupted }

// The names of counts that every source has, as in the ledger. A source adds its own.
const (
	Messages     = "messages"
	Stored       = "stored"
	Filtered     = "filtered"
	DeadLettered = "dead_lettered"
	Skipped      = "skipped"
	// Progress is what is done of Planned, in its unit.
	Progress = "progress"
	// NewDeadLetters are dead letters that this job has opened; Plan.MaxErrors limits
	// them.
	NewDeadLetters = "new_dead_letters"
)

// Counts are numbers by name.
type Counts map[string]uint64

// Add adds other counts.
func (c Counts) Add(other Counts) {
	for name, n := range other {
		c[name] += n
	}
}

// Job is the record of one job.
type Job struct {
	ID          string         `json:"job_id"`
	Source      schemas.Source `json:"source"`
	State       State          `json:"state"`
	Plan        Plan           `json:"plan"`
	Rules       Rules          `json:"rules"`
	RulesSHA256 string         `json:"rules_sha256"`
	StartedAt   time.Time      `json:"started_at"`
	FinishedAt  *time.Time     `json:"finished_at"`
	Planned     uint64         `json:"planned"` // messages of Kafka, bytes of files
	Counts      Counts         `json:"counts"`
	Problem     string         `json:"problem,omitempty"`
	Instance    string         `json:"instance"`
	WrittenAt   time.Time      `json:"written_at"` // by the clock of ClickHouse
	// CancelRequested is true from the request to the end of the running process.
	CancelRequested bool `json:"cancel_requested,omitempty"`

	age time.Duration // since WrittenAt
}

// Percent is how much of the plan is done; 0 where that is unknown.
func (j *Job) Percent() uint64 {
	if j.Planned == 0 {
		return 0
	}
	return min(100*j.Counts[Progress]/j.Planned, 100)
}
