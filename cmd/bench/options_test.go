package main

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// TestCommand_WrongUsage ends before a server starts.
func TestCommand_WrongUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--only pianola":                          `"pianola" is not one of the systems`,
		"--only against":                          "--only against needs --against REV",
		"--kafka real":                            `--kafka "real" is not one of embedded, apache`,
		"--rounds 0":                              "--rounds must be at least 1",
		"--messages 0":                            "count is 0",
		"--partitions 0":                          "partitions is 0",
		"--mesages 1":                             "unknown flag",
		"pianola-native":                          `unexpected argument "pianola-native"`,
		"latency --only file":                     `"file" is not one of the systems that this command measures`,
		"latency --rates 0":                       "--rates: 0",
		"latency --duration 0s":                   "--duration of at least 100ms",
		"lifecycle --only afternoon":              `"afternoon" is not one of the systems that this command measures: pianola-native, pianola-http`,
		"lifecycle --rate 0":                      "--rate 0",
		"lifecycle --set x":                       "must be formatted as key=value",
		"memory --only kafka-engine":              `"kafka-engine" is not one of the systems that this command measures`,
		"growth":                                  `--by "" is not one of bytes, cores, dead-letters, months, partitions, rows, table`,
		"growth --by size":                        `--by "size"`,
		"growth --by bytes --values big":          `--values: "big" is not a number`,
		"growth --by months --values 1000":        "months is 1000",
		"growth --by cores --only kafka-engine":   `"kafka-engine" is not one of the systems`,
		"growth --by rows --values 0.5":           "--values: 0.5 is not a whole number",
		"growth --by table --values=-1":           "--values: -1 is below 0",
		"growth --by cores --values 9999":         "--values: this machine has no 9999 processors",
		"growth --by rows extra":                  `unexpected argument "extra"`,
		"growth --by dead-letters --values 0.5,2": "must not be negative, nor above 1",
	} {
		root := command(io.Discard, io.Discard)
		root.SetArgs(strings.Fields(args))
		err := root.ExecuteContext(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", args, err, want)
			continue
		}
		if !errors.As(err, new(usageError)) {
			t.Errorf("%q: not wrong usage: %v", args, err)
		}
	}
}

func TestCommand_Help(t *testing.T) {
	var out strings.Builder
	root := command(&out, io.Discard)
	root.SetArgs([]string{"--help"})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pianola-native, pianola-http, kafka-engine, kafka-engine-mergetree, file, file-unoptimized, afternoon, against", "latency", "--against"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the help lacks %q:\n%s", want, out.String())
		}
	}
}
