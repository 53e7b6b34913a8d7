package main

import (
	"fmt"
	"io"
	"math"

	"github.com/spf13/pflag"
)

// options are the command line.
type options struct {
	kafka, clickhouse, clickhouseHTTP, piano, http string
	clickhousePassword                             string

	dataDir     string
	protocol    string
	subscribers int
	seed        uint64
	partitions  int
	drift       int
	live        float64

	servicesOnly, exit, verbose bool
	subscribersGiven            bool
}

const about = `Sandbox runs Pianola whole, on this machine alone: an embedded Kafka, an embedded
ClickHouse (the real engine), a simulated publisher whose subscribers live a year,
with its Piano API, and between them the service that "pianola run" is. Then it asks
ClickHouse a few questions, holds the views against the known truth of the simulated
world, and reconciles with the API, which disagrees in what was planted there.

  sandbox                                     everything; stays up until Ctrl-C
  sandbox --exit --seed 7                     ends by itself; status 0 only when the views equal the truth,
                                              and what was planted is what is found
  sandbox --services-only                     only Kafka and ClickHouse, for a pianola of your own
  sandbox --services-only --subscribers 500   the same, with a publisher's year in the topic
  sandbox clickhouse --data DIR               only ClickHouse; sandbox clickhouse --help tells more

Flags:
`

func parse(args []string, errors io.Writer) (options, error) {
	o := options{}
	flags := pflag.NewFlagSet("sandbox", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(errors)
	flags.IntVar(&o.subscribers, "subscribers", 20000, "subscribers of the simulated publisher")
	flags.Uint64Var(&o.seed, "seed", 1, "the world's seed: the same seed is the same world")
	flags.BoolVar(&o.exit, "exit", false, "end when the world has been ingested")
	flags.BoolVar(&o.servicesOnly, "services-only", false, "start the services and ingest nothing")
	flags.StringVar(&o.protocol, "protocol", "native", "`NAME` of the protocol between Pianola and ClickHouse: native or http")
	flags.IntVar(&o.partitions, "partitions", 4, "partitions of the topic")
	flags.StringVar(&o.kafka, "kafka", "127.0.0.1:9092", "`ADDR` where Kafka listens; port 0 takes a free one")
	flags.StringVar(&o.clickhouse, "clickhouse", "127.0.0.1:9000", "`ADDR` of ClickHouse's native protocol")
	flags.StringVar(&o.clickhouseHTTP, "clickhouse-http", "127.0.0.1:8123", "`ADDR` of ClickHouse's HTTP")
	flags.StringVar(&o.clickhousePassword, "clickhouse-password", "", "`TEXT`, the password of user pianola at ClickHouse (default: a random one)")
	flags.StringVar(&o.piano, "piano", "127.0.0.1:8090", "`ADDR` of the simulated Piano API")
	flags.IntVar(&o.drift, "drift", 3, "disagreements of each kind that are planted in the API")
	flags.Float64Var(&o.live, "live", 1, "things that subscribers and support do in a second, while the sandbox stays up (none with --data)")
	flags.StringVar(&o.http, "http", "127.0.0.1:8080", "`ADDR` of Pianola's health and metrics")
	flags.StringVar(&o.dataDir, "data", "", "`DIR` to keep the data in and to go on with next time (default: a temporary one)")
	flags.BoolVar(&o.verbose, "verbose", false, "show Pianola's log")
	flags.Usage = func() { fmt.Fprint(errors, about+flags.FlagUsages()) }
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.subscribersGiven = flags.Changed("subscribers")
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.protocol != "native" && o.protocol != "http":
		return o, fmt.Errorf("--protocol %q is neither native nor http", o.protocol)
	case o.subscribers < 1 || o.subscribers > 1_000_000:
		return o, fmt.Errorf("--subscribers %d is not between 1 and 1000000", o.subscribers)
	case o.partitions < 1 || o.partitions > 64:
		return o, fmt.Errorf("--partitions %d is not between 1 and 64", o.partitions)
	case o.drift < 0 || o.drift > 1000:
		return o, fmt.Errorf("--drift %d is not between 0 and 1000", o.drift)
	case math.IsNaN(o.live) || o.live < 0 || o.live > 1000:
		return o, fmt.Errorf("--live %v is not between 0 and 1000", o.live)
	case o.servicesOnly && o.exit:
		return o, fmt.Errorf("--services-only stays up and --exit ends: choose one")
	}
	return o, nil
}
