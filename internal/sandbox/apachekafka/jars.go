package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Version is the release that is run.
const Version = "4.1.0"

// pom asks for the broker and for the tool that formats its storage.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.example</groupId>
  <artifactId>broker</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>` + Version + `</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>` + Version + `</version>
    </dependency>
  </dependencies>
</project>
`

// Available says what is missing here to run a broker, nil for nothing.
func Available() error {
	var errs []error
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			errs = append(errs, fmt.Errorf("apache kafka needs %s on the PATH", tool))
		}
	}
	return errors.Join(errs...)
}

// jars gives the directory of the broker's jars, fetching them once. Two
// processes may do so at the same time: whole directories are put in place.
func jars(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	home := filepath.Join(cache, "pianola", "apache-kafka-"+Version)
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(home), "fetch-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the jars: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), []byte(pom), 0o644); err != nil {
		return "", fmt.Errorf("write pom.xml: %w", err)
	}
	fetched := filepath.Join(work, "jars")
	mvn := exec.CommandContext(ctx, "mvn", "--batch-mode", "--quiet", "--file", filepath.Join(work, "pom.xml"),
		"dependency:copy-dependencies", "-DoutputDirectory="+fetched)
	if out, err := mvn.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch apache kafka with mvn: %w: %s", err, out)
	}
	if err := os.Rename(fetched, home); err != nil {
		if _, statErr := os.Stat(home); statErr != nil {
			return "", fmt.Errorf("keep the jars: %w", err)
		}
	}
	return home, nil
}
