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
	"github.com/pianola/pianola/internal/wait"
)

// Config configures the broker.
type Config struct {
	// DataDir holds the settings and the log. A later Start can use it again.
	DataDir string
	// Properties add to or replace those of a small test broker.
	Properties map[string]string
	// Secure configures a second listener with TLS and SASL, unless nil.
	Secure *Secure
	// Log receives the output of the broker, unless nil.
	Log io.Writer
}

// Broker is a broker process. Only one goroutine at a time may use it.
type Broker struct {
	addr    string
	classes string // the class path
	file    string // its settings, ports among them
	log     io.Writer
	secure  string // the address of the secure listener; empty without one

	keystores int // certificates set after the first

	process *exec.Cmd
	ended   chan struct{} // closed after the process has ended and err is set
	err     error
}

// stopWithin limits a graceful stop. After it the process is killed.
const stopWithin = 20 * time.Second

// Start downloads the broker if needed, starts it, and returns when it accepts
// connections. It listens on free ports of the loopback interface. ctx limits only the
// start; Stop ends the broker.
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
	format := exec.CommandContext(ctx, "java", "-cp", classes, "kafka.tools.StorageTool",
		"format", "--ignore-formatted", "--cluster-id", clusterID(cfg.DataDir), "--config", file)
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format kafka's storage: %w: %s", err, out)
	}

	b := &Broker{addr: clients, secure: secure, classes: classes, file: file, log: cfg.Log}
	if err := b.run(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// run starts the process and returns when it accepts connections.
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

// Brokers returns the addresses for clients.
func (b *Broker) Brokers() []string { return []string{b.addr} }

// PID returns the process id of the present run.
func (b *Broker) PID() int { return b.process.Process.Pid }

// Stop stops the broker and waits for its end, even if it is paused. A second Stop has no
// effect.
func (b *Broker) Stop() error {
	_ = b.process.Process.Signal(syscall.SIGTERM) // an error means that it has already ended
	_ = b.process.Process.Signal(syscall.SIGCONT)
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-b.ended:
	case <-timer.C:
		_ = b.process.Process.Kill()
		<-b.ended
		return errors.New("stop kafka: no graceful stop, killed")
	}
	return nil
}

// await waits until the broker accepts connections. It opens its listener last.
func (b *Broker) await(ctx context.Context) error {
	err := wait.Until(ctx, 50*time.Millisecond, func() (bool, error) {
		select {
		case <-b.ended:
			return false, fmt.Errorf("process ended: %w", b.err)
		default:
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", b.addr)
		if err != nil {
			return false, nil //nolint:nilerr // it does not listen yet
		}
		return true, conn.Close()
	})
	if err != nil {
		return fmt.Errorf("wait for kafka: %w", err)
	}
	return nil
}

// writeProperties writes the settings of a small, combined broker and controller that
// starts fast.
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

// clusterID returns the id of a formatted data directory, or a new one: 16 random bytes
// as Kafka writes them. It does not start with a dash, because the command line would
// parse it as an option. Kafka does the same.
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
	id[0] &= 0x7f           // a dash is digit 62 of base64url
	return base64.RawURLEncoding.EncodeToString(id[:])
}
