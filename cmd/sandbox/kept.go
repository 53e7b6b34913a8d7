package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keptWorld says which world a directory given with --data holds. Two worlds in
// one topic equal the truth of neither, and that would look like a fault of
// Pianola's.
type keptWorld struct {
	Seed        uint64 `json:"seed"`
	Subscribers int    `json:"subscribers"`
	Partitions  int    `json:"partitions"`
}

func (o options) world() keptWorld { return keptWorld{o.seed, o.subscribers, o.partitions} }

// keptFile lies beside the servers' data.
const keptFile = "world.json"

// checkKept refuses to tell another world into a directory that holds one.
func checkKept(o options) error {
	if o.dataDir == "" {
		return nil
	}
	path := filepath.Join(o.dataDir, keptFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read which world is kept: %w", err)
	}
	var kept keptWorld
	if err := json.Unmarshal(text, &kept); err != nil {
		return fmt.Errorf("read which world is kept, from %s: %w", path, err)
	}
	if kept != o.world() {
		return fmt.Errorf("%s holds another world: go on with it by --seed %d --subscribers %d --partitions %d, or give another directory",
			o.dataDir, kept.Seed, kept.Subscribers, kept.Partitions)
	}
	return nil
}

// keep remembers the world before its first message is told.
func keep(o options) error {
	if o.dataDir == "" {
		return nil
	}
	text, err := json.Marshal(o.world())
	if err == nil {
		err = os.WriteFile(filepath.Join(o.dataDir, keptFile), text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("remember which world is kept: %w", err)
	}
	return nil
}
