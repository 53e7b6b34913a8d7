package library

import (
	"fmt"
	"runtime"
)

// Version is the npm version of the library: the first with streaming inserts,
// and the one everything here was tried against. The tag "latest" is older.
const Version = "26.7.3-stable.1"

// pack is the npm package that holds the library for one platform.
type pack struct {
	name      string // of the package
	integrity string // SHA-512 of its archive, as npm writes it
}

// packs are pinned by content, so that a changed registry cannot change what is
// loaded. A platform without an entry has no package of this
// version that has been seen.
var packs = map[string]pack{
	"linux/amd64": {
		name:      "@chdb/lib-linux-x64-gnu",
		integrity: "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
	},
}

// platformPack is the package for the platform this runs on.
func platformPack() (pack, error) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	p, ok := packs[platform]
	if !ok {
		return pack{}, fmt.Errorf("no pinned libchdb package for %s; get libchdb %s yourself and set %s to the file",
			platform, Version, LibraryVariable)
	}
	return p, nil
}
