// Command links checks the relative links of Markdown files: the file exists, and
// so does the heading behind a #.
//
//	links FILE...
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#+\s+(.+?)\s*$`)
	fence   = regexp.MustCompile("(?s)```.*?```")
	drop    = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

func main() {
	if len(os.Args) == 1 {
		fmt.Fprintln(os.Stderr, "links: no files to check")
		os.Exit(2)
	}
	broken := 0
	for _, file := range os.Args[1:] {
		problems, err := check(file)
		if err != nil {
			fmt.Fprintf(os.Stderr, "links: %v\n", err)
			os.Exit(2)
		}
		for _, p := range problems {
			fmt.Printf("%s: %s\n", file, p)
		}
		broken += len(problems)
	}
	if broken > 0 {
		os.Exit(1)
	}
}

// check returns what is wrong with the links of one file.
func check(file string) ([]string, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(string(src), ""), -1) {
		target := m[1] + m[2]
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		path, anchor, _ := strings.Cut(target, "#")
		to := file
		if path != "" {
			to = filepath.Join(filepath.Dir(file), path)
		}
		if _, err := os.Stat(to); errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, "no such file: "+target)
			continue
		}
		if anchor == "" || filepath.Ext(to) != ".md" {
			continue
		}
		other, err := os.ReadFile(to)
		if err != nil {
			return nil, err
		}
		if !hasAnchor(string(other), anchor) {
			problems = append(problems, "no such heading: "+target)
		}
	}
	return problems, nil
}

// hasAnchor reports whether a heading has this anchor by GitHub's rules.
func hasAnchor(src, anchor string) bool {
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(src, ""), -1) {
		id := strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		if id == anchor {
			return true
		}
	}
	return false
}
