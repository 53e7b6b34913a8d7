package offsets

import (
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/schemas"
)

// Verdict is what `pianola run` does with a partition at its next start.
type Verdict string

// The verdicts. The last three are losses, by the cause that `pianola run` reports.
const (
	// Continues: it reads what is new.
	Continues Verdict = "continues"
	// ReadsAgain: it reads messages again that the ledger accounts for. Their rows are
	// replaced by equal ones.
	ReadsAgain Verdict = "reads_again"
	// SkipsUnnoticed: it skips messages, and does not report it, because the ledger has no
	// row of the partition to compare with.
	SkipsUnnoticed Verdict = "skips_unnoticed"
	// LosesMoved: the offset is past the ledger.
	LosesMoved = Verdict(schemas.LostToMovedOffset)
	// LosesRetained: retention has removed unread messages.
	LosesRetained = Verdict(schemas.LostToRetention)
	// LosesRecreated: the topic was recreated under its old name. It reads the new one from
	// the start.
	LosesRecreated = Verdict(schemas.LostTopicRecreated)
)

// Next is the next start of `pianola run` in one partition.
type Next struct {
	Verdict Verdict `json:"verdict"`
	Offset  int64   `json:"offset"`
	// ReadAgain counts the offsets from there on that the ledger accounts for.
	ReadAgain int64 `json:"read_again"`
	// Skipped counts the offsets that are not read, although Kafka has them and the ledger
	// does not account for them.
	Skipped int64 `json:"skipped"`
	// Gone counts the offsets that retention removed before they were read.
	Gone int64 `json:"gone"`
}

// Offsets counts the offsets that the verdict is about.
func (n Next) Offsets() int64 {
	switch n.Verdict {
	case ReadsAgain:
		return n.ReadAgain
	case SkipsUnnoticed, LosesMoved:
		return n.Skipped
	case LosesRetained:
		return n.Gone
	default:
		return 0
	}
}

func nextOf(one surveyed, start pipeline.Start) Next {
	n := Next{Verdict: Continues, Offset: start.Offset}
	for _, loss := range start.Losses {
		n.Verdict = Verdict(loss.Cause)
		if loss.Cause == schemas.LostToRetention {
			n.Gone += loss.To - loss.From
		}
	}
	if n.Verdict == LosesRecreated {
		return n // the ledger's offsets belong to the old topic
	}
	reached := one.LogStart // of what Kafka has, nothing before is unread
	if one.known.InLedger {
		reached = max(reached, min(one.known.Reached, one.HighWatermark))
	}
	n.ReadAgain, n.Skipped = max(0, reached-start.Offset), max(0, start.Offset-reached)
	switch {
	case n.Verdict != Continues:
	case n.Skipped > 0:
		n.Verdict = SkipsUnnoticed
	case n.ReadAgain > 0:
		n.Verdict = ReadsAgain
	}
	return n
}
