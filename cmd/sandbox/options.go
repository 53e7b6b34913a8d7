package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// options are the command line.
type options struct {
	kafka, clickhouse, clickhouseHTTP, piano, http, checkout, console string
	clickhousePassword                                                string
	guest                                                             []string // GRANT statements

	dataDir     string
	protocol    string
	subscribers int
	seed        uint64
	partitions  int
	drift       int
	live        float64

	end time.Time // of the simulated year

	servicesOnly, exit, verbose bool
	subscribersGiven, endGiven  bool
}

const about = `Sandbox runs a complete Pianola on this machine. It starts Kafka, ClickHouse (the
real engine), a simulated publisher with one year of subscriber events, its Piano API,
the service that "pianola run" starts, and the web console. It then runs a few queries in ClickHouse,
compares the views with the expected data, and reconciles with the Piano API, in
which known differences (drift) are planted.

  sandbox                                     run everything until Ctrl-C
  sandbox --exit --seed 7                     exit when done; status 0 only if the views hold the
                                              expected data and reconciliation finds the planted drift
  sandbox --services-only                     run only Kafka and ClickHouse, for your own pianola
  sandbox --services-only --subscribers 500   the same, with the publisher's events in the topic
  sandbox clickhouse --data DIR               run only ClickHouse; see sandbox clickhouse --help

Flags:
`

// endOfYear is the last midnight that is an hour ago: the last messages are sent an hour
// after it.
func endOfYear(now time.Time) time.Time {
	return now.UTC().Add(-time.Hour).Truncate(24 * time.Hour)
}

func parse(args []string, now time.Time, errors io.Writer) (options, error) {
	o := options{}
	flags := pflag.NewFlagSet("sandbox", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(errors)
	flags.IntVar(&o.subscribers, "subscribers", 20000, "number of simulated subscribers")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the simulation; the same seed and end give the same messages")
	end := flags.String("end", "", "last `DAY` of the simulated year, such as 2026-06-30 (default: today)")
	flags.BoolVar(&o.exit, "exit", false, "exit after the report")
	flags.BoolVar(&o.servicesOnly, "services-only", false, "start the services, but not Pianola")
	flags.StringVar(&o.protocol, "protocol", "native", "`PROTOCOL` between Pianola and ClickHouse: native or http")
	flags.IntVar(&o.partitions, "partitions", 4, "number of partitions of the topic")
	flags.StringVar(&o.kafka, "kafka", "127.0.0.1:9092", "`ADDR` of Kafka; port 0 selects a free port")
	flags.StringVar(&o.clickhouse, "clickhouse", "127.0.0.1:9000", "`ADDR` of the ClickHouse native protocol")
	flags.StringVar(&o.clickhouseHTTP, "clickhouse-http", "127.0.0.1:8123", "`ADDR` of the ClickHouse HTTP interface")
	flags.StringVar(&o.clickhousePassword, "clickhouse-password", "", "`TEXT`, the password of user pianola at ClickHouse (default: a random one)")
	grants := flags.String("grants", "", "`FILE` of GRANT statements, one a line, for a user guest at ClickHouse, who has the same password")
	flags.StringVar(&o.piano, "piano", "127.0.0.1:8090", "`ADDR` of the simulated Piano API")
	flags.StringVar(&o.checkout, "checkout", "127.0.0.1:8091", "`ADDR` of a page that sells with promo codes")
	flags.IntVar(&o.drift, "drift", 3, "differences of each kind to plant in the Piano API")
	flags.Float64Var(&o.live, "live", 1, "simulated subscriber actions per second after the report (always 0 with --data)")
	flags.StringVar(&o.http, "http", "127.0.0.1:8080", "`ADDR` of Pianola's health and metrics endpoints")
	flags.StringVar(&o.console, "console", "127.0.0.1:8096", "`ADDR` of the web console; not with --exit")
	flags.StringVar(&o.dataDir, "data", "", "data `DIR`, kept for the next run (default: a temporary directory)")
	flags.BoolVar(&o.verbose, "verbose", false, "show all log messages of Pianola")
	flags.Usage = func() { fmt.Fprint(errors, about+flags.FlagUsages()) }
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *grants != "" {
		var err error
		if o.guest, err = readGrants(*grants); err != nil {
			return o, err
		}
	}
	o.subscribersGiven, o.endGiven = flags.Changed("subscribers"), flags.Changed("end")
	o.end = endOfYear(now)
	if o.endGiven {
		var err error
		if o.end, err = time.Parse(time.DateOnly, *end); err != nil || o.end.After(endOfYear(now)) || o.end.Year() < 2010 {
			return o, fmt.Errorf("--end: must be a day between 2010-01-01 and %s", endOfYear(now).Format(time.DateOnly))
		}
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.protocol != "native" && o.protocol != "http":
		return o, fmt.Errorf("--protocol %q: must be native or http", o.protocol)
	case o.subscribers < 1 || o.subscribers > 1_000_000:
		return o, fmt.Errorf("--subscribers %d: must be between 1 and 1000000", o.subscribers)
	case o.partitions < 1 || o.partitions > 64:
		return o, fmt.Errorf("--partitions %d: must be between 1 and 64", o.partitions)
	case o.drift < 0 || o.drift > 1000:
		return o, fmt.Errorf("--drift %d: must be between 0 and 1000", o.drift)
	case math.IsNaN(o.live) || o.live < 0 || o.live > 1000:
		return o, fmt.Errorf("--live %v: must be between 0 and 1000", o.live)
	case o.servicesOnly && o.exit:
		return o, fmt.Errorf("--services-only and --exit exclude each other")
	}
	return o, nil
}

// readGrants reads the GRANT statements of a file, such as the output of `pianola schema
// grants`. The grantee is not read.
func readGrants(file string) (grants []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--grants: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "GRANT ") {
			grants = append(grants, line)
		}
	}
	if len(grants) == 0 {
		return nil, fmt.Errorf("--grants: %s has no line that begins with GRANT", file)
	}
	return grants, nil
}
