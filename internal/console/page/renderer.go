package page

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/console/assets"
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/role"
)

//go:embed templates
var templates embed.FS

// Renderer writes pages in the layout of the console. It is safe for concurrent use.
type Renderer struct {
	Figures *figures.Reader
	Now     func() time.Time
	Log     *zap.Logger

	assets   *assets.Set
	keeper   *keeper
	base     *template.Template
	byFS     map[string]*template.Template // by name of the template file
	sections []Section
	logout   bool
}

// NewRenderer parses the templates of all sections.
func NewRenderer(r *figures.Reader, now func() time.Time, log *zap.Logger, set *assets.Set, sections []Section, logout bool) (*Renderer, error) {
	made := &Renderer{Figures: r, Now: now, Log: log, assets: set, sections: sections, logout: logout, byFS: map[string]*template.Template{}}
	var err error
	if made.keeper, err = newKeeper(now); err != nil {
		return nil, err
	}
	made.base, err = template.New("").Funcs(template.FuncMap{"asset": set.URL, "time": showTime}).ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	if err := made.parse(templates, "templates/*.html"); err != nil {
		return nil, err
	}
	for _, section := range sections {
		if section.Templates == nil {
			continue
		}
		if err := made.parse(section.Templates, "templates/*.html"); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// parse makes each file a template of its own on top of the layout, since all of them
// define "content".
func (r *Renderer) parse(files fs.FS, pattern string) error {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		return err
	}
	for _, name := range names {
		clone, err := r.base.Clone()
		if err != nil {
			return err
		}
		if _, err := clone.ParseFS(files, name); err != nil {
			return fmt.Errorf("parse template: %w", err)
		}
		short := strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")
		if _, exists := r.byFS[short]; exists {
			return fmt.Errorf("two templates are named %s", short)
		}
		r.byFS[short] = clone
	}
	return nil
}

func showTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// layout is what the frame of every page needs.
type layout struct {
	Title   string
	Nav     []navGroup
	Name    template.HTML // of the person
	Logout  bool
	Content any
}

type navGroup struct {
	Title string
	Links []navLink
}

type navLink struct {
	Path, Title string
	Current     bool
}

// Page writes a page with the content template of the given name.
func (r *Renderer) Page(w http.ResponseWriter, req *http.Request, status int, name, title string, content any) {
	page, err := r.write(req, name, title, content)
	if err != nil {
		r.failTemplate(w, err)
		return
	}
	made := cut(page)
	made.send(w, req, status, nameOf(req))
}

// write makes a whole page, so that a failed template is no half page. It has a mark at the
// place of the name.
func (r *Renderer) write(req *http.Request, name, title string, content any) ([]byte, error) {
	found, ok := r.byFS[name]
	if !ok {
		return nil, fmt.Errorf("%w: there is no template %s", errTemplate, name)
	}
	var body bytes.Buffer
	l := layout{Title: title, Nav: r.nav(req), Name: namePlace, Logout: r.logout, Content: content}
	if err := found.ExecuteTemplate(&body, "layout", l); err != nil {
		return nil, fmt.Errorf("%w: %w", errTemplate, err)
	}
	return body.Bytes(), nil
}

// errTemplate reports a page that could not be written.
var errTemplate = errors.New("write a page")

func (r *Renderer) failTemplate(w http.ResponseWriter, err error) {
	r.Log.Error("page failed", zap.Error(err))
	http.Error(w, "The page could not be written. The log of the console says why.", http.StatusInternalServerError)
}

// nameOf is the person with the roles, as HTML.
func nameOf(req *http.Request) []byte {
	who := role.From(req.Context())
	name := who.User
	if who.Anonymous() {
		name = "no login"
	}
	if len(who.Roles) > 0 {
		roles := make([]string, len(who.Roles))
		for i, one := range who.Roles {
			roles[i] = string(one)
		}
		name += " (" + strings.Join(roles, ", ") + ")"
	}
	return []byte(template.HTMLEscapeString(name))
}

// nav is the navigation: the pages that the person may open.
func (r *Renderer) nav(req *http.Request) []navGroup {
	who := role.From(req.Context())
	var all []navGroup
	for _, section := range r.sections {
		group := navGroup{Title: section.Title}
		for _, p := range section.Pages {
			path := pathOf(p.Pattern)
			if p.Title == "" || !who.Has(p.Role) {
				continue
			}
			group.Links = append(group.Links, navLink{Path: path, Title: p.Title, Current: path == req.URL.Path})
		}
		if len(group.Links) > 0 {
			all = append(all, group)
		}
	}
	return all
}

// pathOf is the path of a pattern such as "GET /{$}".
func pathOf(pattern string) string {
	_, path, _ := strings.Cut(pattern, " ")
	return strings.TrimSuffix(path, "{$}")
}

// Fail writes a page that says what went wrong and what to do.
func (r *Renderer) Fail(w http.ResponseWriter, req *http.Request, status int, what string) {
	r.Page(w, req, status, "problem", http.StatusText(status), what)
}

// logPanic writes where a read or a drawing panicked.
func (r *Renderer) logPanic(err error) {
	var panicked *figures.PanicError
	if errors.As(err, &panicked) {
		r.Log.Error("part of a page panicked", zap.ByteString("stack", panicked.Stack))
	}
}

// FailRead writes the page for an error of a read.
func (r *Renderer) FailRead(w http.ResponseWriter, req *http.Request, err error) {
	r.logPanic(err)
	switch {
	case errors.Is(err, context.Canceled) && req.Context().Err() != nil:
		return // nobody waits
	case errors.Is(err, figures.ErrBusy):
		w.Header().Set("Retry-After", "5")
		r.Fail(w, req, http.StatusServiceUnavailable, "ClickHouse is busy with other pages. Try again in a few seconds.")
	default:
		r.Fail(w, req, http.StatusBadGateway, err.Error())
	}
}
