package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// image is the files of the container image, as the Dockerfile makes them, and its user.
type image struct {
	testing.TB
	root string
	user uint32
}

func buildImage(t testing.TB) image {
	t.Helper()
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"deploy/image-root.sh /out", "FROM scratch\nCOPY --from=build /out/ /\nUSER ", `ENTRYPOINT ["/pianola"]`} {
		if !strings.Contains(string(dockerfile), line) {
			t.Errorf("the Dockerfile lacks %q: this test would try another image", line)
		}
	}
	user := regexp.MustCompile(`(?m)^USER (\d+):(\d+)$`).FindStringSubmatch(string(dockerfile))
	if user == nil || user[1] != user[2] || user[1] == "0" {
		t.Fatal("the Dockerfile has no user")
	}
	id, err := strconv.ParseUint(user[1], 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	one := image{TB: t, root: t.TempDir(), user: uint32(id)}
	const script = "../../deploy/image-root.sh"
	if _, err := os.ReadFile(script); err != nil { // go test runs the test again when it changes
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "sh", "deploy/image-root.sh", one.root)
	command.Dir, command.Env = "../..", append(os.Environ(), "VERSION=v0.0.0-test")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("image: %v\n%s", err, out)
	}
	return one
}

// write adds what a container runtime mounts, or an operator does.
func (i image) write(name, text string) {
	i.Helper()
	if err := os.WriteFile(filepath.Join(i.root, name), []byte(text), 0o644); err != nil {
		i.Fatal(err)
	}
}

// call runs the program of the image as its user, with nothing but the image's files.
func (i image) call(environment []string, stdin string, args ...string) outcome {
	i.Helper()
	command := exec.CommandContext(i.Context(), "/pianola", args...)
	command.Dir, command.Env, command.Stdin = "/", environment, strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: i.root}
	if os.Geteuid() == 0 {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: i.user, Gid: i.user}
	} else {
		// Without root: a user namespace, in which this user has the image's id.
		command.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(i.user), HostID: os.Getuid(), Size: 1}}
		command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: int(i.user), HostID: os.Getgid(), Size: 1}}
	}
	err := command.Run()
	if command.ProcessState == nil {
		i.Fatalf("start the program of the image: %v", err)
	}
	return outcome{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// TestImage runs the static binary in the empty root of the image. What an ordinary
// machine has besides it lacks: zone data, certificates, a resolver, users, and directories.
func TestImage(t *testing.T) {
	tier.Full(t, "builds the image's binary")
	one := buildImage(t)
	one.write("etc/hosts", "127.0.0.1 localhost clickhouse-in-hosts example.com\n")
	one.write("etc/resolv.conf", "nameserver 127.0.0.1\n")

	if got := one.call(nil, "", "version"); got.code != exitDone || !strings.Contains(got.stdout, "v0.0.0-test") {
		t.Errorf("version: %+v", got)
	}
	const message = `{"subscription_id":"S","event_timestamp":"2026-07-01 12:00","subscription_action":"Renewed"}`
	got := one.call([]string{"PIANOLA_TRANSFORM_SOURCE_TIMEZONE=Europe/Oslo"}, message, "transform")
	if got.code != exitDone || !strings.Contains(got.stdout, `"2026-07-01T10:00:00.000Z"`) {
		t.Errorf("zone data: %+v", got)
	}

	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 5, Subscribers: 300})
	s.Publish()
	s.Ingest()
	api := simulate(s, pianoapi.Config{Export: pianoapi.Export{Polls: 1}})
	all := append(environment(s.Settings), api.environment()...)
	_, port, _ := strings.Cut(s.Settings.ClickHouse.Addr[0], ":")
	all = append(all, "PIANOLA_CLICKHOUSE_ADDR=clickhouse-in-hosts:"+port)

	t.Run("export", func(t *testing.T) {
		got := one.call(all, "", "reconcile", "--export", "--json")
		var report reconcile.Report
		if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != exitDone || report.Compared == 0 {
			t.Fatalf("%v: %+v", err, got)
		}
		left, err := os.ReadDir(filepath.Join(one.root, "tmp"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	t.Run("export_without_a_directory", func(t *testing.T) {
		got := one.call(append(slices.Clone(all), "TMPDIR=/nowhere"), "", "reconcile", "--export")
		if got.code != exitFailed || !strings.Contains(got.stderr, "set TMPDIR to a directory that this user can write") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("names_and_certificates", func(t *testing.T) {
		below, err := url.Parse("http://" + api.Addr())
		if err != nil {
			t.Fatal(err)
		}
		secure := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(below))
		secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it reports each client that does not trust it
		secure.StartTLS()
		defer secure.Close()
		// Its certificate is for example.com, which is in the hosts file.
		over := append(slices.Clone(all), "PIANOLA_PIANO_BASE_URL="+strings.Replace(secure.URL, "127.0.0.1", "example.com", 1)+"/api/v3")
		if got := one.call(over, "", "config", "validate", "--connect"); got.code != exitFailed || !strings.Contains(got.stdout, "\npiano: FAILED: ") || !strings.Contains(got.stdout, "certificate") {
			t.Errorf("an authority that the image does not know: %+v", got)
		}
		const bundle = "etc/ssl/certs/ca-certificates.crt"
		known, err := os.ReadFile(filepath.Join(one.root, bundle))
		if err != nil || !x509.NewCertPool().AppendCertsFromPEM(known) {
			t.Fatalf("the image has no authorities: %v", err)
		}
		own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
		one.write(bundle, string(known)+string(own))
		if got := one.call(over, "", "config", "validate", "--connect"); got.code != exitDone || !strings.Contains(got.stdout, "\npiano: ok") || !strings.Contains(got.stdout, "\nclickhouse and its schema: ok") {
			t.Errorf("an authority of the image's file: %+v", got)
		}
	})
	t.Run("user", func(t *testing.T) {
		// The image's user owns no file of the image, and can write to /tmp alone.
		err := filepath.WalkDir(one.root, func(path string, entry os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err == nil && info.Mode().Perm()&0o002 != 0 && filepath.Base(path) != "tmp" {
				t.Errorf("%s can be written by everybody", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}
