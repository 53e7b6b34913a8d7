package schemas

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Mart is a table or a view of metrics, and the query that computes its rows. Others build
// the same rows elsewhere with it: package dbt makes its models of them.
type Mart struct {
	Object
	// Note is the comment above the statement that creates it.
	Note string
	// SortingKey is that of a table, which a refreshable view fills; empty for a view.
	SortingKey string
	// Query is what the migrations have, with its comments. Its columns may be in another
	// order than those of the object, and of similar types.
	Query string
}

var (
	viewForm     = regexp.MustCompile("^CREATE (MATERIALIZED )?VIEW IF NOT EXISTS `[^`]+`\\.`([a-z0-9_]+)`")
	queryForm    = regexp.MustCompile(`(?ms)^(?:EMPTY )?AS\n(.*)^COMMENT '`)
	sortingForm  = regexp.MustCompile(`(?m)^ORDER BY \(?([a-z0-9_, ]+?)\)?$`)
	fillsByParts = regexp.MustCompile(`(?m)^(REFRESH .*)?APPEND TO `)
)

// MartQueries are the marts that one query computes as a whole, in the order of the migrations.
func MartQueries(o Options) ([]Mart, error) {
	migrations, err := Migrations(o)
	if err != nil {
		return nil, err
	}
	objects, err := Catalogue()
	if err != nil {
		return nil, err
	}
	known := map[string]*Mart{}
	for _, name := range slices.Concat(Marts(), MartViews()) {
		i := slices.IndexFunc(objects, func(object Object) bool { return object.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("the migrations have no mart %s", name)
		}
		known[name] = &Mart{Object: objects[i]}
	}
	for _, migration := range migrations {
		for _, statement := range commentedStatements(migration.SQL) {
			note, sql := statement.note, statement.sql
			if create := createTable.FindStringSubmatch(sql); create != nil && known[create[1]] != nil {
				known[create[1]].Note = note
				if key := sortingForm.FindStringSubmatch(sql); key != nil {
					known[create[1]].SortingKey = key[1]
				}
			}
			create, query := viewForm.FindStringSubmatch(sql), queryForm.FindStringSubmatch(sql)
			if create == nil || query == nil || fillsByParts.MatchString(sql) {
				continue
			}
			if create[1] == "" && known[create[2]] != nil {
				known[create[2]].Note = note
				known[create[2]].Query = strings.TrimRight(query[1], "\n")
			}
			if table, is := strings.CutSuffix(create[2], RefreshSuffix); create[1] != "" && is && known[table] != nil {
				known[table].Query = strings.TrimRight(query[1], "\n")
			}
		}
	}
	var all []Mart
	for _, object := range objects {
		if mart := known[object.Name]; mart != nil && mart.Query != "" {
			all = append(all, *mart)
		}
	}
	return all, nil
}

var createTable = regexp.MustCompile("^CREATE TABLE IF NOT EXISTS `[^`]+`\\.`([a-z0-9_]+)`")
