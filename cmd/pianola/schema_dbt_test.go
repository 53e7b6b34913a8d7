package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSchemaDBT_WritesAProject, again over its own files, and never over those of others.
func TestSchemaDBT_WritesAProject(t *testing.T) {
	got := call(t, nil, "", "schema", "dbt", "--clickhouse.database", "elsewhere")
	if got.code != exitDone || !strings.Contains(got.stdout, "var('pianola_database', 'elsewhere')") {
		t.Fatalf("sources: %+v", got)
	}
	directory := filepath.Join(t.TempDir(), "deep", "project")
	for range 2 {
		again := call(t, nil, "", "schema", "dbt", "--to", directory, "--clickhouse.database", "elsewhere")
		names := strings.Fields(again.stdout)
		if again.code != exitDone || len(names) < 8 {
			t.Fatalf("project: %+v", again)
		}
		for _, name := range names {
			if info, err := os.Stat(name); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	sources, err := os.ReadFile(filepath.Join(directory, "models", "sources.yml"))
	if err != nil || string(sources) != got.stdout {
		t.Errorf("models/sources.yml is not what the command prints: %v", err)
	}

	other := t.TempDir()
	for name, text := range map[string]string{"dbt_project.yml": "name: of somebody else", "README.md": "mine"} {
		if err := os.WriteFile(filepath.Join(other, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := call(t, nil, "", "schema", "dbt", "--to", other)
	entries, err := os.ReadDir(other)
	if err != nil || refused.code != exitFailed || refused.stdout != "" || len(entries) != 2 {
		t.Errorf("a directory with files of others: %+v, %d files, %v", refused, len(entries), err)
	}
	for _, args := range [][]string{{"schema", "dbt", "--to", ""}, {"schema", "dbt", "somewhere"}} {
		if got := call(t, nil, "", args...); got.code != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
	file := filepath.Join(other, "README.md", "below")
	if got := call(t, nil, "", "schema", "dbt", "--to", file); got.code != exitFailed {
		t.Errorf("a directory below a file: %+v", got)
	}
}
