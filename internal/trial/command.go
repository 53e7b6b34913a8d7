package trial

import (
	"context"
	"fmt"
	"os/exec"
)

// pianola runs another command of the binary to its end, with the configuration
// that the processes have. It has to exit with status 0.
func (r *round) pianola(ctx context.Context, arguments ...string) error {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	command := exec.CommandContext(bounded, r.stage.binary, arguments...)
	command.Env = r.environment("operator")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("pianola %v: %w: its output:\n%s", arguments, err, out)
	}
	return nil
}
