package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// keptWorld identifies the world in a --data directory. A topic with two worlds
// equals the truth of neither, and that would look like an error of Pianola.
type keptWorld struct {
	Seed        uint64    `json:"seed"`
	Subscribers int       `json:"subscribers"`
	Partitions  int       `json:"partitions"`
	End         time.Time `json:"end"`
}

func (o options) world() keptWorld { return keptWorld{o.seed, o.subscribers, o.partitions, o.end} }

// keptFile is in the data directory, beside the data of the servers.
const keptFile = "world.json"

// continueKept takes the end of the year from the directory, unless --end gives one: on
// another day the kept world continues. It returns an error when the directory holds
// another world.
func (o *options) continueKept() error {
	if o.dataDir == "" {
		return nil
	}
	path := filepath.Join(o.dataDir, keptFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the kept world: %w", err)
	}
	var kept keptWorld
	if err := json.Unmarshal(text, &kept); err != nil {
		return fmt.Errorf("read the kept world from %s: %w", path, err)
	}
	if !o.endGiven {
		o.end = kept.End
	}
	if o.seed != kept.Seed || o.subscribers != kept.Subscribers || o.partitions != kept.Partitions || !o.end.Equal(kept.End) {
		return fmt.Errorf("%s holds another world: use --seed %d --subscribers %d --partitions %d --end %s, or another --data directory",
			o.dataDir, kept.Seed, kept.Subscribers, kept.Partitions, kept.End.Format(time.DateOnly))
	}
	return nil
}

// keep records the world before its first message is published.
func keep(o options) error {
	if o.dataDir == "" {
		return nil
	}
	text, err := json.Marshal(o.world())
	if err == nil {
		err = os.WriteFile(filepath.Join(o.dataDir, keptFile), text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("record the kept world: %w", err)
	}
	return nil
}
