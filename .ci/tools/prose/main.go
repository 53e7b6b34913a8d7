// Command prose measures how hard the project's English is to read.
//
// It reads comments and sentence-like strings of Go files, and Markdown. A hit is
// a sentence with a word of the list, or with too many words. It prints the hits
// of a hundred sentences, and exits 1 when they exceed -max.
//
//	prose [-max N] [-page N] [-hits] FILE...
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// maxWords is the length of a sentence that counts as a hit when exceeded.
const maxWords = 30

// hardWords are literary or private words. The comment names the usual term.
var hardWords = []string{
	"told", "tells? of", "telling", // reported, reports
	"anew",                                        // again
	"whoever", "whatever", "whichever", "whereof", // name the subject
	"thereof", "wherein", "of whom",
	"heard",                    // received
	"held against",             // compared with
	"amounts? to", "amounting", // equals
	"(?:is|are|has|have) none",     // is not, has no
	"at hand",                      // available
	"(?:comes?|became|becomes) of", // outcome
	"become of",
	"lets? go", "let be", // releases
	"by then",
	"(?:goes?|went|going) on", // continues
	"gone on",
	"taken for", "said to be", // treated as
	"sp(?:eaks?|oke) of",  // describes
	"st(?:ands?|ood) for", // means
	"underway", "in vain", // running, without effect
	"bury", "buried", "mourn", "misfortune", "mischief", "deed", "stray", "bout",
	"spoilt", "put right", // corrupted, corrected
}

var (
	hard     = regexp.MustCompile(`(?i)\b(?:` + strings.Join(hardWords, "|") + `)\b`)
	code     = regexp.MustCompile("`[^`]+`")
	fence    = regexp.MustCompile("(?s)```.*?```")
	sentence = regexp.MustCompile(`[.!?:;]\s+|\n\s*\n`)
	sql      = regexp.MustCompile(`\b(SELECT|INSERT|CREATE|FROM|WHERE|ALTER)\b`)
)

// text is a comment block, a string or a line of Markdown.
type text struct {
	line int
	body string
}

// count adds up sentences and hits.
type count struct{ sentences, hits int }

func (c count) share() float64 { return 100 * float64(c.hits) / float64(max(c.sentences, 1)) }

func main() {
	limit := flag.Float64("max", 0, "exit 1 when hits a 100 sentences exceed `N` over all files (0: no limit)")
	page := flag.Float64("page", 0, "exit 1 when hits a 100 sentences exceed `N` in one Markdown file (0: no limit)")
	hits := flag.Bool("hits", false, "print every hit")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "prose: no files to check")
		os.Exit(2)
	}

	failed := false
	var all count
	for _, file := range flag.Args() {
		c, err := check(file, *hits)
		if err != nil {
			fmt.Fprintf(os.Stderr, "prose: %v\n", err)
			os.Exit(2)
		}
		all.sentences, all.hits = all.sentences+c.sentences, all.hits+c.hits
		// One hit on a short page is no pattern.
		if *page > 0 && filepath.Ext(file) == ".md" && c.hits > 1 && c.share() > *page {
			fmt.Printf("%s: %.1f hits a 100 sentences, at most %.1f allowed\n", file, c.share(), *page)
			failed = true
		}
	}
	fmt.Printf("%d sentences, %d hits: %.1f a 100\n", all.sentences, all.hits, all.share())
	if *limit > 0 && all.share() > *limit {
		fmt.Printf("at most %.1f allowed; -hits prints each one\n", *limit)
		failed = true
	}
	if failed {
		os.Exit(1)
	}
}

// check counts one file.
func check(file string, show bool) (count, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return count{}, err
	}
	texts := markdown(src)
	if filepath.Ext(file) == ".go" {
		if texts, err = goTexts(file, src); err != nil {
			return count{}, err
		}
	}
	var c count
	for _, t := range texts {
		for _, s := range sentence.Split(code.ReplaceAllString(t.body, "CODE"), -1) {
			words := len(strings.Fields(s))
			if words < 3 {
				continue
			}
			c.sentences++
			found := hard.FindAllString(s, -1)
			if words > maxWords {
				found = append(found, strconv.Itoa(words)+" words")
			}
			if len(found) == 0 {
				continue
			}
			c.hits++
			if show {
				fmt.Printf("%s:%d: %s: %.120s\n", file, t.line, strings.Join(found, ", "), strings.Join(strings.Fields(s), " "))
			}
		}
	}
	return c, nil
}

// markdown returns the lines outside of fenced blocks, without headings.
func markdown(src []byte) []text {
	src = fence.ReplaceAllFunc(src, func(b []byte) []byte { return bytes.Repeat([]byte("\n"), bytes.Count(b, []byte("\n"))) })
	var texts []text
	for i, line := range strings.Split(string(src), "\n") {
		if l := strings.TrimSpace(line); l != "" && !strings.HasPrefix(l, "#") && !strings.HasPrefix(l, "|--") {
			texts = append(texts, text{i + 1, l})
		}
	}
	return texts
}

// goTexts returns the comments, and the strings that look like sentences.
func goTexts(file string, src []byte) ([]text, error) {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, file, src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var texts []text
	for _, group := range f.Comments {
		texts = append(texts, text{files.Position(group.Pos()).Line, group.Text()})
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && len(strings.Fields(s)) >= 4 && !sql.MatchString(s) {
				texts = append(texts, text{files.Position(lit.Pos()).Line, s})
			}
		}
		return true
	})
	return texts, nil
}
