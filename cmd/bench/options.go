package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/bench/messages"
	"github.com/pianola/pianola/internal/bench/system"
)

// usageError is a mistake of the command line.
type usageError struct{ error }

func usagef(format string, arguments ...any) error {
	return usageError{fmt.Errorf(format, arguments...)}
}

// program is the command line, and where it writes.
type program struct {
	messages messages.Config
	kafka    string
	only     []string
	rounds   int
	against  string
	json     string

	stdout, stderr io.Writer
}

const about = `Measure Pianola and compare it with other ways to bring the same messages from Kafka into
ClickHouse: on one machine, in one run, in interleaved rounds.

Every system reads the same messages and fills the same table. A checksum over the stored
rows shows that all have stored the same. docs/performance.md explains the method.

  bench                                     all systems, three rounds
  bench --only pianola-native,kafka-engine  two systems
  bench --against HEAD~10                   Pianola of an earlier revision too
  bench latency, lifecycle, memory, growth  what is measured beside the comparison

Systems: `

func command(stdout, stderr io.Writer) *cobra.Command {
	p := &program{stdout: stdout, stderr: stderr, messages: messages.Defaults()}
	root := &cobra.Command{
		Use: "bench", Short: "Measure Pianola and compare it with other systems",
		Long: about + strings.Join(names(system.All("", "of another revision")), ", "),
		Args: noArguments, SilenceErrors: true, SilenceUsage: true,
		RunE: func(c *cobra.Command, _ []string) error { return p.compare(c.Context()) },
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.DisableDefaultCmd = true
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.IntVar(&p.messages.Count, "messages", p.messages.Count, "number of messages")
	flags.IntVar(&p.messages.Partitions, "partitions", p.messages.Partitions, "partitions of the topic")
	flags.Uint64Var(&p.messages.Seed, "seed", p.messages.Seed, "seed of the messages")
	flags.StringVar(&p.kafka, "kafka", string(lab.Embedded), "`NAME` of the broker: embedded, or apache, which needs Java and Maven")
	flags.StringVar(&p.json, "json", "", "`FILE` that gets the results of every round as JSON")
	flags.StringSliceVar(&p.only, "only", nil, "`NAMES` of the systems, separated by commas")
	flags.StringVar(&p.against, "against", "", "`REV` of Git: Pianola of this revision takes part as \"against\"")
	flags.IntVar(&p.rounds, "rounds", 3, "rounds; each runs every system once")
	root.AddCommand(p.latencyCommand(), p.lifecycleCommand(), p.memoryCommand(), p.growthCommand())
	return root
}

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}

func names(all []system.System) []string {
	var names []string
	for _, s := range all {
		names = append(names, s.Name())
	}
	return names
}

// check reports mistakes in the flags of all commands. can says which systems the command
// can measure; nil: all.
func (p *program) check(can func(system.System) bool) error {
	var errs []error
	errs = append(errs, p.messages.Validate())
	if p.kafka != string(lab.Embedded) && p.kafka != string(lab.Apache) {
		errs = append(errs, fmt.Errorf("--kafka %q is not one of embedded, apache", p.kafka))
	}
	if p.rounds < 1 {
		errs = append(errs, errors.New("--rounds must be at least 1"))
	}
	var known []string
	for _, s := range system.All("", p.against) {
		if can == nil || can(s) {
			known = append(known, s.Name())
		}
	}
	for _, name := range p.only {
		if name == system.Against && p.against == "" {
			errs = append(errs, errors.New("--only against needs --against REV"))
		} else if !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("--only: %q is not one of the systems that this command measures: %s", name, strings.Join(known, ", ")))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return usageError{err}
	}
	return nil
}

// open checks the flags, builds the binaries and starts the servers. The caller closes the
// lab. can is that of check. defaults are the systems without --only; none: all.
func (p *program) open(ctx context.Context, can func(system.System) bool, defaults ...string) (*lab.Lab, []system.System, error) {
	if err := p.check(can); err != nil {
		return nil, nil, err
	}
	p.say("starting ClickHouse and " + p.kafka + " Kafka, building pianola")
	l, err := lab.Open(ctx, lab.Kafka(p.kafka), p.say)
	if err != nil {
		return nil, nil, err
	}
	systems, err := p.systems(ctx, l, defaults)
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return l, systems, nil
}

func (p *program) systems(ctx context.Context, l *lab.Lab, defaults []string) ([]system.System, error) {
	binary, against := filepath.Join(l.Dir, "pianola"), ""
	if err := system.Build(ctx, "", binary); err != nil {
		return nil, err
	}
	if p.against != "" {
		p.say("building pianola of " + p.against)
		against = filepath.Join(l.Dir, "pianola-against")
		if err := system.BuildRevision(ctx, p.against, l.Dir, against); err != nil {
			return nil, err
		}
	}
	wanted := p.only
	if len(wanted) == 0 && len(defaults) > 0 {
		wanted = defaults
		if against != "" {
			wanted = append(slices.Clone(wanted), system.Against)
		}
	}
	var chosen []system.System
	for _, s := range system.All(binary, against) {
		if len(wanted) == 0 || slices.Contains(wanted, s.Name()) {
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}

func (p *program) say(sentence string) { fmt.Fprintln(p.stderr, sentence) }

// machine says where and when a run was made.
type machine struct {
	Time       time.Time `json:"time"`
	Processors int       `json:"processors"`
	System     string    `json:"system"`
	Go         string    `json:"go"`
	Revision   string    `json:"revision,omitempty"`
	Kafka      string    `json:"kafka"`
}

func (p *program) machine(ctx context.Context) machine {
	m := machine{Time: time.Now().UTC(), Processors: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Kafka: p.kafka}
	// Without Git, the revision is left out.
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil {
		m.Revision = strings.TrimSpace(string(out))
	}
	return m
}

// writeJSON writes the results of a command to the file of --json.
func (p *program) writeJSON(ctx context.Context, command string, results any) error {
	if p.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(struct {
		Command string  `json:"command"`
		Machine machine `json:"machine"`
		Results any     `json:"results"`
	}{command, p.machine(ctx), results}, "", "  ")
	if err == nil {
		err = os.WriteFile(p.json, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the results as JSON: %w", err)
	}
	return nil
}
