package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/schemas"
)

// versionInfo says which program this is.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`     // of the revision
	Modified bool   `json:"modified,omitempty"` // built from more than the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Schema   int64  `json:"schema"` // the version of the ClickHouse schema it works with
}

func (a *app) versionCommand() *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "print which program this is", Args: cobra.NoArgs}
	asJSON := jsonFlag(c)
	c.RunE = func(*cobra.Command, []string) error {
		v := readVersion(debug.ReadBuildInfo())
		if *asJSON {
			return a.printJSON(v)
		}
		return a.print(v.String())
	}
	return c
}

// readVersion takes what the Go toolchain has stamped into the binary.
func readVersion(info *debug.BuildInfo, ok bool) versionInfo {
	v := versionInfo{
		Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Schema: schemas.LatestVersion(),
	}
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// String is one line for what is known, and one for the schema.
func (v versionInfo) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pianola %s\n", v.Version)
	if v.Revision != "" {
		modified := ""
		if v.Modified {
			modified = ", modified"
		}
		fmt.Fprintf(&b, "revision %s of %s%s\n", v.Revision, v.Time, modified)
	}
	fmt.Fprintf(&b, "%s on %s\nClickHouse schema %d\n", v.Go, v.Platform, v.Schema)
	return b.String()
}
