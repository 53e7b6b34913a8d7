package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestCommands_ShowNoAddressOfTheCommandLine calls every command with an address where an
// argument, a flag or a value may stand. Quoted and dotless forms are not replaced by the
// guard, so no argument may be repeated at all.
func TestCommands_ShowNoAddressOfTheCommandLine(t *testing.T) {
	tier.Full(t, "makes the tree of commands for each of hundreds of command lines")
	missing := "PIANOLA_CONFIG=" + t.TempDir() + "/missing.yaml" // so no command connects
	calls := 0
	try := func(command []string, more ...string) {
		calls++
		args := append(append([]string{}, command...), more...)
		got := call(t, []string{missing}, "", args...)
		if text := got.stderr; strings.Contains(text, "canary") {
			t.Errorf("pianola %q: exit %d: %s", args, got.code, text[:min(len(text), 300)])
		}
	}
	known := map[string]bool{} // flags
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		path := strings.Fields(c.CommandPath())[1:]
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && f.Name != "config" && !known[f.Name] {
				known[f.Name] = true
				try(path, "--"+f.Name+"=canary@example.com")
			}
		})
		const address = `"canary quoted"@localhost`
		try(path, address)
		try(path, "--"+address)
		try(path, "-"+address)
		try(path, "--="+address)
		try(path, "--unknown="+address)
		try(append([]string{address}, path...))
		try([]string{"help"}, append(path, address)...)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	a := &app{}
	walk(a.root())
	if calls < 500 {
		t.Errorf("only %d command lines", calls)
	}
}
