package trial

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"github.com/pianola/pianola/internal/trial/smalldisk"
)

// diskBytes is the size of ClickHouse's disk: a world fits, with what merges leave
// behind for a while.
const diskBytes = 512 << 20

// onSmallDisk starts a server whose data lie on a small disk.
func onSmallDisk(ctx context.Context, s *Stage, dir string) (*clickHouseProcess, error) {
	disk, err := smalldisk.New(ctx, dir, diskBytes)
	if errors.Is(err, smalldisk.ErrNotHere) {
		return nil, fmt.Errorf("%w: %w", ErrNotHere, err)
	}
	if err != nil {
		return nil, err
	}
	c := &clickHouseProcess{dir: filepath.Join(dir, "data"), disk: disk, enter: disk.Enter}
	if err := c.first(ctx, s); err != nil {
		disk.Close()
		return nil, err
	}
	return c, nil
}

// leftBytes is the room that a full disk has left. ClickHouse refuses an insert for
// which it cannot set 1 MiB aside, before it writes. What it has set aside for the
// insert under way still has to fit: the embedded engine, unlike a ClickHouse
// server, does not look whether a write has failed, so that one that meets the end
// of the disk is acknowledged and leaves empty files.
const leftBytes = 1<<20 - 64<<10

// fullDisk takes the room from ClickHouse while a consumer is at work. A full disk
// is for an operator to mend (architecture.md, Inserts: what does not pass is
// fatal), so the consumer has to end by itself and to say which error it was. Then
// there is room again, and the next consumer goes on where the group's offsets are.
func fullDisk(ctx context.Context, r *round, b bounds) (int, error) {
	const workMost = 50 * time.Millisecond
	faults := 0
	for !b.reached(faults) {
		if err := r.stopMerges(ctx); err != nil {
			return faults, err
		}
		before, err := r.covered(ctx)
		if err != nil {
			return faults, err
		}
		p, err := r.start("consumer")
		if err != nil {
			return faults, err
		}
		done, err := r.advance(ctx, before, p)
		if err == nil && !done {
			err = r.pause(ctx, workMost)
		}
		if err != nil || done {
			return faults, err
		}
		if done, err = r.noRoom(ctx, p); err != nil || done {
			return faults, err
		}
		if err := r.conn.Exec(ctx, "SYSTEM START MERGES"); err != nil {
			return faults, fmt.Errorf("start merges: %w", err)
		}
		faults++
	}
	return faults, nil
}

// stopMerges returns when no merge is under way: one would meet the end of the
// disk.
func (r *round) stopMerges(ctx context.Context) error {
	if err := r.conn.Exec(ctx, "SYSTEM STOP MERGES"); err != nil {
		return fmt.Errorf("stop merges: %w", err)
	}
	return r.until(ctx, "the end of all merges", nil, func(ctx context.Context) (bool, error) {
		var n uint64
		err := r.conn.QueryRow(ctx, `SELECT count() FROM system.merges`).Scan(&n)
		return n == 0, err
	})
}

// noRoom keeps the disk full until the consumer has stopped, looks at what that
// has left behind, and gives the room back. done says that the world was over
// before.
func (r *round) noRoom(ctx context.Context, p *process) (done bool, err error) {
	const again = 20 * time.Millisecond
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for p.alive() == nil && !done {
		// What ClickHouse tidies away is taken too.
		if err := r.server.disk.Fill(leftBytes); err != nil {
			return false, err
		}
		if !wait(bounded, again) {
			return false, fmt.Errorf("wait for a consumer to stop on a full disk: %w: its last lines:\n%s", bounded.Err(), p.journal.tail())
		}
		if err := r.server.alive(); err != nil {
			return false, err
		}
		now, err := r.covered(bounded)
		if err != nil {
			return false, err
		}
		done = r.all(now)
	}
	if err := r.server.disk.Free(); err != nil || done {
		return done, err
	}
	said := noRoomSaid.FindStringSubmatch(p.journal.tail())
	if said == nil {
		return false, fmt.Errorf("on a full disk: %w", p.alive())
	}
	r.tally["refused to "+said[1]]++
	return false, r.nothingAhead(ctx)
}

// noRoomSaid is the clear error: the operation, ClickHouse's code and name, and
// what to do.
var noRoomSaid = regexp.MustCompile(`(?m)^pianola: run: .*: ((?:insert into|resolve) \w+): clickhouse at [^ ]+: code 243 NOT_ENOUGH_SPACE; the server's disk is full: make room$`)

// nothingAhead is an error where the group has committed what the ledger does not
// account for, or a row has been dead-lettered for what was no fault of its own.
func (r *round) nothingAhead(ctx context.Context) error {
	offsets, err := r.stage.admin.FetchOffsets(ctx, r.cfg.Kafka.Group)
	if err != nil {
		return fmt.Errorf("ask for the group's offsets: %w", err)
	}
	for p := range int32(partitions) {
		var next int64
		err := r.conn.QueryRow(ctx, `SELECT max(next_offset) FROM ingest_ledger WHERE source_name = $1 AND source_partition = $2`, r.topic, p).Scan(&next)
		if err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		if at, found := offsets.Lookup(r.topic, p); found && at.At > next {
			return fmt.Errorf("partition %d: the group has committed %d, the ledger ends at %d", p, at.At, next)
		}
	}
	var refused uint64
	if err := r.conn.QueryRow(ctx, `SELECT count() FROM dead_letters WHERE reason = 'rejected_by_server'`).Scan(&refused); err != nil {
		return fmt.Errorf("read the dead letters: %w", err)
	}
	if refused > 0 {
		return fmt.Errorf("%d rows were dead-lettered for want of room", refused)
	}
	return nil
}
