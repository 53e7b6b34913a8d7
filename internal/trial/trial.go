package trial

import (
	"github.com/pianola/pianola/internal/trial/clickhouseerrors"
	"github.com/pianola/pianola/internal/trial/faults"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/kafkaerrors"
	"github.com/pianola/pianola/internal/trial/login"
	"github.com/pianola/pianola/internal/trial/loss"
	"github.com/pianola/pianola/internal/trial/recordforms"
	"github.com/pianola/pianola/internal/trial/replaying"
)

// All are the trials, in the order in which they run. Each call makes new ones: a trial may
// keep state through its rounds.
func All() []harness.Trial {
	return []harness.Trial{
		faults.Kill(),
		faults.Rebalance(),
		faults.ClickHouseConnection(),
		faults.KafkaConnection(),
		faults.BrokerOutage(),
		kafkaerrors.Trial(),
		faults.ClickHouseOutage(),
		faults.Network(),
		faults.Memory(),
		faults.Soak(),
		clickhouseerrors.Answers(),
		loss.Trial(),
		faults.Clock(),
		clickhouseerrors.Refusals(),
		clickhouseerrors.Disk(),
		recordforms.Trial(),
		login.Trial(),
		replaying.Trial(),
	}
}
