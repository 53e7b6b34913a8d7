package dbt

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// File is a file of the project. Its name has slashes.
type File struct {
	Name string
	Text string
}

//go:embed static
var static embed.FS

// source is a view or a mart that the project offers.
type source struct {
	schemas.Object
	fact
}

// staged reports whether the source has a staging model. A mart has a model that computes it
// instead.
func (s source) staged() bool { return !schemas.IsMart(s.Name) }

// modelPrefix begins the name of every staging model.
const modelPrefix = "stg_pianola__"

func (s source) modelName() string {
	if s.model == "" {
		return modelPrefix + s.Name
	}
	return modelPrefix + s.model
}

// Project is the whole project. database is the default of the variable pianola_database.
func Project(database string) ([]File, error) {
	all, err := sources()
	if err != nil {
		return nil, err
	}
	models, err := marts()
	if err != nil {
		return nil, err
	}
	views, err := bases()
	if err != nil {
		return nil, err
	}
	read, err := inputs(models, views)
	if err != nil {
		return nil, err
	}
	files := []File{{"models/sources.yml", sourcesFile(database, all)}, {"models/staging/staging.yml", stagingFile(all)},
		{"models/marts/marts.yml", martsFile(database, models, read, views)},
		{"models/exposures.yml", exposuresFile(all)}, {"models/docs.md", docsFile(all, models)}}
	for _, s := range all {
		if s.staged() {
			files = append(files, File{"models/staging/" + s.modelName() + ".sql", stagingModel(s)})
		}
	}
	for _, b := range views {
		files = append(files, File{"models/marts/" + basePrefix + b.name + ".sql", b.model()})
	}
	for _, m := range models {
		files = append(files, File{"models/marts/" + m.Name + ".sql", m.model(models, views)})
	}
	err = fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := static.ReadFile(name)
		files = append(files, File{path.Clean(name[len("static/"):]), string(content)})
		return err
	})
	return files, err
}

// Sources is the file of the sources alone. It needs nothing else of the project.
func Sources(database string) (string, error) {
	all, err := sources()
	if err != nil {
		return "", err
	}
	return sourcesFile(database, all), nil
}

// sources are those of the migrations.
func sources() ([]source, error) {
	all, err := schemas.Catalogue()
	if err != nil {
		return nil, err
	}
	return sourcesOf(all)
}

// sourcesOf are the views and marts that are not left out, in their order. One without facts
// is a source too.
func sourcesOf(all []schemas.Object) ([]source, error) {
	known := facts()
	var some []source
	for _, o := range all {
		if (o.Kind == schemas.View || schemas.IsMart(o.Name)) && known[o.Name].leftOut == "" {
			some = append(some, source{o, known[o.Name]})
		}
	}
	return some, check(some)
}

// check looks for facts about columns that do not exist.
func check(all []source) error {
	columns := map[string]bool{}
	for _, s := range all {
		for _, c := range s.Columns {
			columns[s.Name+"."+c.Name] = true
		}
	}
	for _, s := range all {
		named := slices.Concat(s.key, s.filled, s.mayBeEmpty)
		if s.stale.variable != "" {
			named = append(named, syncColumn)
		}
		for _, v := range s.values {
			named = append(named, v.column)
		}
		for _, l := range s.links {
			named = append(named, l.column)
			if !columns[l.to+"."+l.field] {
				return fmt.Errorf("dbt: %s.%s refers to %s.%s, which does not exist; correct schemas/dbt/facts.go", s.Name, l.column, l.to, l.field)
			}
		}
		for _, name := range named {
			if !columns[s.Name+"."+name] {
				return fmt.Errorf("dbt: %s has no column %s; correct schemas/dbt/facts.go", s.Name, name)
			}
		}
		for _, name := range s.filled {
			if s.emptyCondition(name) == "" {
				return fmt.Errorf("dbt: %s.%s is never empty, so a test of it could not fail; correct schemas/dbt/facts.go", s.Name, name)
			}
		}
	}
	return nil
}

// syncColumn is the sync timestamp of every view.
const syncColumn = "synced_at"
