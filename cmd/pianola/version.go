package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/schemas"
)

// A release build sets these with -ldflags "-X main.version=… -X main.commit=…
// -X main.date=…". Other builds use what the Go toolchain embeds.
var version, commit, date string

// versionInfo identifies the build.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // the commit
	Time     string `json:"time,omitempty"`     // of the commit
	Modified bool   `json:"modified,omitempty"` // built with uncommitted changes
	Date     string `json:"date,omitempty"`     // of the build
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Schema   int64  `json:"schema"` // version of the ClickHouse schema that this build needs
}

func (a *app) versionCommand() *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "print version, commit and schema version", Args: cobra.NoArgs}
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

// readVersion prefers the values of the linker to those of the Go toolchain.
func readVersion(info *debug.BuildInfo, ok bool) versionInfo {
	v := versionInfo{
		Version: version, Revision: commit, Date: date,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Schema: schemas.LatestVersion(),
	}
	if ok {
		if v.Version == "" && info.Main.Version != "(devel)" {
			v.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = cmp.Or(v.Revision, s.Value)
			case "vcs.time":
				v.Time = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	if v.Version == "" {
		v.Version = "devel"
		if v.Revision != "" {
			v.Version += "-" + v.Revision[:min(12, len(v.Revision))]
		}
	}
	return v
}

// buildVersion identifies the build for the record of a job: its code is part of the rules.
func buildVersion() string {
	v := readVersion(debug.ReadBuildInfo())
	if v.Modified {
		return v.Version + ", modified"
	}
	return v.Version
}

// String has one line for each known fact.
func (v versionInfo) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pianola %s\n", v.Version)
	if v.Revision != "" {
		b.WriteString("commit " + v.Revision)
		if v.Time != "" {
			b.WriteString(" of " + v.Time)
		}
		if v.Modified {
			b.WriteString(", modified")
		}
		b.WriteString("\n")
	}
	if v.Date != "" {
		fmt.Fprintf(&b, "built %s\n", v.Date)
	}
	fmt.Fprintf(&b, "%s on %s\nClickHouse schema %d\n", v.Go, v.Platform, v.Schema)
	return b.String()
}
