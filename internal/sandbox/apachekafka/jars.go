package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Version is the release of Apache Kafka.
const Version = "4.1.0"

// pom depends on the broker, and on the tool that formats its storage.
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

// Available returns an error that names the missing tools.
func Available() error {
	var errs []error
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			errs = append(errs, fmt.Errorf("apache kafka needs %s on the PATH", tool))
		}
	}
	return errors.Join(errs...)
}

// jars returns the directory of the jars, and downloads them the first time. Two processes
// may do this at once, because a rename moves the complete directory.
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
		return "", fmt.Errorf("create the cache directory: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(home), "fetch-")
	if err != nil {
		return "", fmt.Errorf("create a directory for the jars: %w", err)
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
			return "", fmt.Errorf("move the jars: %w", err)
		}
	}
	return home, nil
}
