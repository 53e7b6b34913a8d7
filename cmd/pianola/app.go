package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pianola/pianola/internal/config"
)

// app is what every command shares: the process around it, handed in.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environment    []string
	now            func() time.Time

	begun bool // a command has begun: an error is no longer one of usage
}

// usageError is a command line that says nothing we can do.
type usageError struct{ error }

// Unwrap gives what is wrong with it.
func (e usageError) Unwrap() error { return e.error }

// outputError is a result that could not be written, as opposed to everything that
// can fail with the same system error.
type outputError struct{ error }

// Error says so.
func (e outputError) Error() string { return "write result: " + e.error.Error() }

// Unwrap gives what went wrong.
func (e outputError) Unwrap() error { return e.error }

// execute finds the command and runs it.
func (a *app) execute(ctx context.Context, args []string) error {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	at, err := root.ExecuteContextC(ctx)
	if err != nil && !a.begun {
		return usageError{fmt.Errorf("%w\nTry %s --help", err, at.CommandPath())}
	}
	return err
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "pianola",
		Short: "Piano's subscriber events, from Kafka to ClickHouse",
		Long: `Pianola consumes the Piano Subscriber Event Stream from Kafka, cleans it in
documented stages and stores it in ClickHouse, each event once.

Settings come from flags, from the environment (kafka.brokers is
PIANOLA_KAFKA_BROKERS), and from a YAML file (--config or PIANOLA_CONFIG), the
first that has one. Secrets are never flags; each has a twin that names a file.

Exit status: 0 done; 1 failed; 2 wrong usage; 3 the check found something;
78 bad configuration.`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRun:  func(*cobra.Command, []string) { a.begun = true },
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.PersistentFlags().String("config", "", "YAML `FILE` with settings")
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(usage)
	root.AddCommand(a.runCommand(), a.healthCommand(), a.transformCommand(), a.migrateCommand(), a.auditCommand(), a.dlqCommand(), a.reconcileCommand(), a.subscriptionCommand(), a.configCommand(), a.schemaCommand(), a.versionCommand())
	return root
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(commands...)
	return c
}

// load reads the settings of a command.
func (a *app) load(c *cobra.Command) *config.Loaded {
	file, err := c.Flags().GetString("config")
	if err != nil || file == "" {
		file = config.FileFromEnvironment(a.environment)
	}
	instance, err := os.Hostname()
	if err != nil {
		instance = "" // there is a default
	}
	return config.Load(config.Source{File: file, Environment: a.environment, Flags: c.Flags(), Instance: instance})
}

// logger writes to standard error as the configuration says.
func (a *app) logger(c config.Log) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	form := zap.NewProductionEncoderConfig()
	form.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	form.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(form)
	if c.Format == "console" {
		form.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(form)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(a.stderr)), level)), nil
}

// printJSON is the --json form of a result: one document, indented.
func (a *app) printJSON(value any) error {
	encoder := json.NewEncoder(a.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return outputError{err}
	}
	return nil
}

// print writes a finished result at once.
func (a *app) print(text string) error {
	if _, err := io.WriteString(a.stdout, text); err != nil {
		return outputError{err}
	}
	return nil
}

// jsonFlag is the same on every command that has it.
func jsonFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("json", false, "print JSON for machines")
}
