package clickhouseerrors

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/smalldisk"
	"github.com/pianola/pianola/internal/trial/harness"
)

// diskBytes is the size of ClickHouse's disk. A world fits, with what merges leave behind
// for a while.
const diskBytes = 512 << 20

// leftBytes is the room that a full disk has left. ClickHouse refuses an insert for which
// it cannot reserve 1 MiB, before it writes. What it has reserved for a running insert
// still has to fit: the embedded engine, unlike a ClickHouse server, does not check
// whether a write has failed. An insert that meets the end of the disk is acknowledged
// and leaves empty files.
const leftBytes = 1<<20 - 64<<10

// Disk fills ClickHouse's disk while a consumer works. Only an operator can correct that,
// so the consumer has to end by itself with a clear error. Then there is room again, and
// the next consumer continues at the group's offsets.
func Disk() harness.Trial {
	s := &disk{}
	return harness.Trial{Name: "disk", Fault: "ClickHouse's disk full", Times: 10, Settings: map[string]string{"batch.max_rows": "100"},
		ClickHouse: s.start,
		New: func(r *harness.Round) harness.Scenario {
			s.Round = r
			return harness.Scenario{Run: s.run}
		}}
}

type disk struct {
	*harness.Round
	disk *smalldisk.Disk // of the present round
}

// start starts a server whose data is on a small disk.
func (s *disk) start(ctx context.Context, r *harness.Round, dir string) (*clickhouse.Server, error) {
	d, err := smalldisk.Mount(ctx, filepath.Join(dir, "data"), diskBytes)
	if errors.Is(err, smalldisk.ErrUnavailable) {
		return nil, fmt.Errorf("%w: %w", harness.ErrUnavailable, err)
	}
	if err != nil {
		return nil, err
	}
	r.OnClose(d.Close)
	s.disk = d
	return harness.StartClickHouse(ctx, dir, clickhouse.Config{Access: harness.Access(harness.Grants("*")), Through: d.Enter})
}

func (s *disk) run(ctx context.Context, b harness.Bounds) (int, error) {
	return s.CauseFaults(harness.FaultLoop{MaxWork: 50 * time.Millisecond, Strike: func(ctx context.Context) (int, error) {
		return 1, harness.InOrder(ctx, s.stopMerges, s.fill, s.checkResidue,
			func(ctx context.Context) error { return s.Exec(ctx, "SYSTEM START MERGES") })
	}})(ctx, b)
}

// stopMerges returns when no merge runs. A running merge would meet the end of the disk.
func (s *disk) stopMerges(ctx context.Context) error {
	if err := s.Exec(ctx, "SYSTEM STOP MERGES"); err != nil {
		return err
	}
	return s.Until(ctx, "the end of all merges", nil, func(ctx context.Context) (bool, error) {
		var n uint64
		err := s.Conn.QueryRow(ctx, `SELECT count() FROM system.merges`).Scan(&n)
		return n == 0, err
	})
}

// fill keeps the disk full until the consumer has stopped with the clear error, and frees
// it. It returns harness.ErrOver where the world was over before.
func (s *disk) fill(ctx context.Context) error {
	p := s.Consumer
	ended, err := s.UntilEnded(ctx, p, func(ctx context.Context) (bool, error) {
		// Again and again, because ClickHouse removes old parts.
		if err := errors.Join(s.disk.Fill(leftBytes), s.ClickHouseEnded()); err != nil {
			return false, err
		}
		return s.AllCovered(ctx)
	})
	if err := errors.Join(err, s.disk.Free()); err != nil {
		return err
	}
	if !ended {
		return harness.ErrOver
	}
	s.Consumer = nil
	said := fullDiskError.FindStringSubmatch(p.Tail())
	if said == nil {
		return fmt.Errorf("on a full disk: %w", p.Alive())
	}
	s.Count("refused to "+said[1], 1)
	return nil
}

// fullDiskError is the clear error: the operation, ClickHouse's code and name, and what to
// do.
var fullDiskError = regexp.MustCompile(`(?m)^pianola: run: .*: ((?:insert into|resolve) \w+): clickhouse at [^ ]+: code 243 NOT_ENOUGH_SPACE; the server's disk is full: make room$`)

// checkResidue is an error where the group has committed what the ledger does not account
// for, or where a row has been dead-lettered because of the disk.
func (s *disk) checkResidue(ctx context.Context) error {
	if _, err := committedWithin(ctx, s.Round); err != nil {
		return err
	}
	var rejected uint64
	if err := s.Conn.QueryRow(ctx, `SELECT count() FROM dead_letters WHERE reason = 'rejected_by_server'`).Scan(&rejected); err != nil {
		return fmt.Errorf("read the dead letters: %w", err)
	}
	if rejected > 0 {
		return fmt.Errorf("%d rows were dead-lettered because the disk was full", rejected)
	}
	return nil
}
