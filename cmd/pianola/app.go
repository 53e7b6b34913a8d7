package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/safetext"
)

// app is what every command shares: the streams, environment and clock of the
// process.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environment    []string // as os.Environ gives it
	now            func() time.Time
	limitMemory    func() // of the whole process

	progress *progressLine
	started  bool // a command has started, so an error is no longer wrong usage
}

// usageError is an invalid command line.
type usageError struct{ error }

// Unwrap returns the cause.
func (e usageError) Unwrap() error { return e.error }

// outputError is a failed write of a result. It separates a closed standard output
// from a connection that fails with the same system error.
type outputError struct{ error }

// Error adds the operation.
func (e outputError) Error() string { return "write result: " + e.error.Error() }

// Unwrap returns the cause.
func (e outputError) Unwrap() error { return e.error }

// execute finds the command and runs it.
func (a *app) execute(ctx context.Context, args []string) error {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	at, err := root.ExecuteContextC(ctx)
	if err != nil && !a.started {
		return usageError{fmt.Errorf("%w\nTry %s --help", err, at.CommandPath())}
	}
	return err
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "pianola",
		Short: "Piano's subscriber events, from Kafka to ClickHouse",
		Long: `Pianola consumes the Piano Subscriber Event Stream from Kafka, cleans it in
documented stages and stores each event once in ClickHouse.

Settings come from flags, from environment variables (kafka.brokers is
PIANOLA_KAFKA_BROKERS) and from a YAML file (--config or PIANOLA_CONFIG), in
this order. Secrets are never flags: use the variable, or the _file setting.

Results go to standard output, logs and progress to standard error.

Exit status: 0 done; 1 failed; 2 wrong usage; 3 the check found something; 78
bad configuration.`,
		Version:          readVersion(debug.ReadBuildInfo()).String(),
		SilenceUsage:     true,
		SilenceErrors:    true,
		PersistentPreRun: func(*cobra.Command, []string) { a.started = true },
		Args:             cobra.NoArgs,
		RunE:             func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetVersionTemplate("{{.Version}}")
	root.PersistentFlags().String("config", "", "YAML `FILE` with settings")
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(a.usage)
	root.AddCommand(
		a.runCommand(), a.consoleCommand(), a.healthCommand(), a.transformCommand(),
		a.migrateCommand(), a.auditCommand(), a.offsetsCommand(), a.diffCommand(), a.dlqCommand(),
		a.replayCommand(), a.reconcileCommand(), a.exportCommand(),
		a.subscriberCommand(), a.subscriptionCommand(), a.accessCommand(), a.promoCommand(),
		a.eraseCommand(), a.purgeInternalCommand(),
		a.configCommand(), a.schemaCommand(), a.completionCommand(), a.versionCommand(),
	)
	completeFlags(root)
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Args = helpTopic
	}
	hideArguments(root)
	return root
}

// group is a command that only contains others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(commands...)
	return c
}

// load reads the settings of a command from all sources.
func (a *app) load(c *cobra.Command) *config.Loaded {
	file, err := c.Flags().GetString("config")
	if err != nil || file == "" {
		file = config.FileFromEnvironment(a.environment)
	}
	instance, err := os.Hostname()
	if err != nil {
		instance = "" // config has a default
	}
	return config.LoadInterruptible(c.Context(), config.Source{File: file, Environment: a.environment, Flags: c.Flags(), Instance: instance})
}

// logger writes to standard error in the configured format. The format auto is
// console on a terminal and json otherwise.
func (a *app) logger(c config.Log) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	form := zap.NewProductionEncoderConfig()
	form.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	form.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(form)
	t, isTerminal := a.terminalOf(a.stderr)
	if c.Format == "console" || c.Format == "auto" && isTerminal {
		form.EncodeLevel = zapcore.CapitalLevelEncoder
		if t.colour {
			form.EncodeLevel = zapcore.CapitalColorLevelEncoder
		}
		if isTerminal {
			form.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		}
		encoder = zapcore.NewConsoleEncoder(form)
	}
	output := safetext.Writer(a.progress, levelColours()...)
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(output)), level)), nil
}

// printJSON writes a result as one indented JSON document.
func (a *app) printJSON(value any) error {
	a.progress.hide()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	return a.print(text.String())
}

// print writes a complete result in one call, without characters that act on a terminal.
func (a *app) print(text string) error {
	a.progress.hide()
	if _, err := io.WriteString(a.stdout, safetext.Lines(text, colours...)); err != nil {
		return outputError{err}
	}
	return nil
}

// jsonFlag adds --json.
func jsonFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("json", false, "print the result as JSON")
}
