package pianoapi

// pending is a change of term that was asked for, or has just been made.
type termChange struct {
	from, to *record
	uid      string
	done     bool // it has taken effect
	asked    int  // how often its status was asked for since
	status   int  // by Piano's numbers
}

// Piano's numbers of a change's status, those that are used.
const (
	changePending  = 0
	changeFailed   = 1
	changeCanceled = 4
)

// pendingPolls is how often a change that has taken effect is still told as pending.
const pendingPolls = 2
