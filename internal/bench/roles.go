// Package bench lists the roles in which the command bench starts itself. The packages
// below it do the work: messages makes the stream, lab has the servers, system the
// systems, compare the rounds, and probe what is measured beside the comparison.
package bench

import (
	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/bench/process"
	"github.com/pianola/pianola/internal/bench/system"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

// ServeRole does the work of a role and ends the process, if it was started for that. It is
// the first statement of main and of TestMain.
func ServeRole() {
	clickhouse.ServeIfChild()
	process.ServeRole(map[string]process.Role{
		lab.EmbeddedRole:     lab.ServeEmbedded,
		system.AfternoonRole: system.ServeAfternoon,
	})
}
