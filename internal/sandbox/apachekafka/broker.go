package apachekafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pianola/pianola/internal/sandbox/loopback"
)

// Config says where and how the broker runs.
type Config struct {
	// DataDir holds its settings and its log; it is kept, and may be used again
	// by a later Start.
	DataDir string
	// Properties are set beside, or instead of, those of a small test broker.
	Properties map[string]string
	// Secure is a listener with TLS and logins beside the plain one; nil for none.
	Secure *Secure
	// Log takes what the broker prints; nil drops it.
	Log io.Writer
}

// Broker is a broker and its process. One goroutine at a time starts, stops or
// disturbs it.
type Broker struct {
	addr    string
	classes string // the class path
	file    string // its settings, ports among them
	log     io.Writer
	secure  string // the address of the secure listener; empty without one

	keystores int // that have been shown after the first

	process *exec.Cmd
	ended   chan struct{} // closed once the process has ended, after err is set
	err     error
}

// stopWithin bounds an orderly stop; after it the process is killed.
const stopWithin = 20 * time.Second

// Start fetches the broker where needed, starts it, and returns once it takes
// connections. It listens on the loopback interface, on ports of its own choice.
// ctx bounds the start alone: Stop ends the broker.
func Start(ctx context.Context, cfg Config) (*Broker, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	home, err := jars(ctx)
	if err != nil {
		return nil, err
	}
	clients, err := loopback.FreeAddr()
	if err != nil {
		return nil, err
	}
	controller, err := loopback.FreeAddr()
	if err != nil {
		return nil, err
	}
	var secure string
	if cfg.Secure != nil {
		if secure, err = loopback.FreeAddr(); err != nil {
			return nil, err
		}
		properties, err := cfg.Secure.properties(cfg.DataDir, clients, secure, controller)
		if err != nil {
			return nil, err
		}
		maps.Copy(properties, cfg.Properties)
		cfg.Properties = properties
	}
	file := filepath.Join(cfg.DataDir, "server.properties")
	if err := writeProperties(file, cfg, clients, controller); err != nil {
		return nil, err
	}
	classes := filepath.Join(home, "*")
	arguments := []string{"-cp", classes, "kafka.tools.StorageTool",
		"format", "--ignore-formatted", "--cluster-id", clusterID(cfg.DataDir), "--config", file}
	if cfg.Secure != nil {
		arguments = append(arguments, cfg.Secure.scramArguments()...)
	}
	format := exec.CommandContext(ctx, "java", arguments...)
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format kafka's storage: %w: %s", err, out)
	}

	b := &Broker{addr: clients, secure: secure, classes: classes, file: file, log: cfg.Log}
	if err := b.run(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// run starts the process and returns once it takes connections.
func (b *Broker) run(ctx context.Context) error {
	process, ended := exec.Command("java", "-Xmx512m", "-cp", b.classes, "kafka.Kafka", b.file), make(chan struct{})
	process.Stdout, process.Stderr = b.log, b.log
	process.WaitDelay = stopWithin
	if err := process.Start(); err != nil {
		return fmt.Errorf("start kafka: %w", err)
	}
	b.process, b.ended = process, ended
	go func() {
		defer close(ended)
		b.err = process.Wait()
	}()
	if err := b.await(ctx); err != nil {
		return errors.Join(err, b.Stop())
	}
	return nil
}

// Brokers are the addresses for clients.
func (b *Broker) Brokers() []string { return []string{b.addr} }

// Stop ends the broker in order and waits for it, also where it hangs. A second
// Stop does nothing.
func (b *Broker) Stop() error {
	_ = b.process.Process.Signal(syscall.SIGTERM) // an error means that it has ended
	_ = b.process.Process.Signal(syscall.SIGCONT)
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-b.ended:
	case <-timer.C:
		_ = b.process.Process.Kill()
		<-b.ended
		return errors.New("stop kafka: it had to be killed")
	}
	return nil
}

// await waits until the broker takes connections: it opens its listener last.
func (b *Broker) await(ctx context.Context) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		var dialer net.Dialer
		if conn, err := dialer.DialContext(ctx, "tcp", b.addr); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for kafka: %w", ctx.Err())
		case <-b.ended:
			return fmt.Errorf("wait for kafka: it ended: %w", b.err)
		case <-ticker.C:
		}
	}
}

// writeProperties writes what makes a broker and controller in one, quick to
// start and small.
func writeProperties(file string, cfg Config, clients, controller string) error {
	properties := map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        "1",
		"controller.quorum.voters":       "1@" + controller,
		"controller.listener.names":      "CONTROLLER",
		"listeners":                      "PLAINTEXT://" + clients + ",CONTROLLER://" + controller,
		"advertised.listeners":           "PLAINTEXT://" + clients,
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs":                       filepath.Join(cfg.DataDir, "log"),

		"auto.create.topics.enable":                        "false",
		"group.initial.rebalance.delay.ms":                 "0",
		"group.min.session.timeout.ms":                     "100",
		"offsets.topic.num.partitions":                     "1",
		"offsets.topic.replication.factor":                 "1",
		"transaction.state.log.num.partitions":             "1",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.num.partitions":     "1",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
	}
	maps.Copy(properties, cfg.Properties)
	var lines strings.Builder
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&lines, "%s=%s\n", key, properties[key])
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		return fmt.Errorf("write kafka's settings: %w", err)
	}
	return nil
}

// clusterID gives the id that a data directory was formatted with, or a new one:
// 16 random bytes as Kafka writes them. Like Kafka's own, it does not begin with
// a dash, which a command line takes for an option.
func clusterID(dir string) string {
	meta, err := os.ReadFile(filepath.Join(dir, "log", "meta.properties"))
	if err == nil {
		for line := range strings.Lines(string(meta)) {
			if id, ok := strings.CutPrefix(strings.TrimSpace(line), "cluster.id="); ok {
				return id
			}
		}
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[0] &= 0x7f           // the dash stands for the last but one of 64 digits
	return base64.RawURLEncoding.EncodeToString(id[:])
}
