package main

import (
	"encoding/json"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/pianola/pianola/schemas"
)

func TestVersion_Command(t *testing.T) {
	var v versionInfo
	if err := json.Unmarshal([]byte(call(t, nil, "", "version", "--json").stdout), &v); err != nil || v.Schema != schemas.LatestVersion() || v.Go == "" {
		t.Errorf("%v, %+v", err, v)
	}
	text := call(t, nil, "", "version")
	if !strings.HasPrefix(text.stdout, "pianola ") {
		t.Errorf("got %q", text.stdout)
	}
	if flag := call(t, nil, "", "--version"); flag != text {
		t.Errorf("--version prints %+v, version %+v", flag, text)
	}
}

func TestReadVersion(t *testing.T) {
	built := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef"}
	for name, c := range map[string]struct {
		info                 *debug.BuildInfo
		linked, linkedCommit string
		version, revision    string
	}{
		"no_build_info":             {nil, "", "", "devel", ""},
		"devel_without_commit":      {built("(devel)"), "", "", "devel", ""},
		"devel_with_commit":         {built("(devel)", revision), "", "", "devel-0123456789ab", "0123456789abcdef"},
		"module_version":            {built("v1.2.3", revision), "", "", "v1.2.3", "0123456789abcdef"},
		"linker_before_build_info":  {built("v1.2.3", revision), "v2.0.0", "fedcba", "v2.0.0", "fedcba"},
		"linker_commit_alone":       {built("(devel)"), "", "fedcba", "devel-fedcba", "fedcba"},
		"linker_without_build_info": {nil, "v2.0.0", "", "v2.0.0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			version, commit = c.linked, c.linkedCommit
			defer func() { version, commit = "", "" }()
			if v := readVersion(c.info, c.info != nil); v.Version != c.version || v.Revision != c.revision {
				t.Errorf("got %q %q, want %q %q", v.Version, v.Revision, c.version, c.revision)
			}
		})
	}
}
