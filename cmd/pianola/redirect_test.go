package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestHTTPClients_DecideAboutRedirects: net/http follows redirects by default and may
// send a password or a token to another server. So every client of the project has a
// CheckRedirect, and none uses the default client.
func TestHTTPClients_DecideAboutRedirects(t *testing.T) {
	clients := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if !ofHTTP(n.Type, "Client") {
					return true
				}
				clients++
				if !slices.ContainsFunc(n.Elts, func(e ast.Expr) bool {
					field, ok := e.(*ast.KeyValueExpr)
					if !ok {
						return false
					}
					name, ok := field.Key.(*ast.Ident)
					return ok && name.Name == "CheckRedirect"
				}) {
					t.Errorf("%s: this client follows redirects", files.Position(n.Pos()))
				}
			case *ast.SelectorExpr:
				for _, name := range []string{"DefaultClient", "Get", "Head", "Post", "PostForm"} {
					if ofHTTP(n, name) {
						t.Errorf("%s: http.%s follows redirects", files.Position(n.Pos()), name)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if clients < 3 {
		t.Errorf("only %d clients were found", clients)
	}
}

// ofHTTP reports whether an expression is a name of net/http.
func ofHTTP(e ast.Expr, name string) bool {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	pkg, ok := selector.X.(*ast.Ident)
	return ok && pkg.Name == "http"
}

// TestHealth_Redirect: a redirect is the answer of something else than the instance.
func TestHealth_Redirect(t *testing.T) {
	healthy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer healthy.Close()
	front := httptest.NewServer(http.RedirectHandler(healthy.URL, http.StatusFound))
	defer front.Close()
	result := call(t, nil, "", "health", "--http.listen", strings.TrimPrefix(front.URL, "http://"))
	if result.code != exitFound {
		t.Errorf("exit status %d: %s", result.code, result.stderr)
	}
}
