package front

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/pianola/pianola/internal/sandbox/front/block"
	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
	"github.com/pianola/pianola/internal/sandbox/front/statement"
)

// request is one statement with what a client sent beside it.
type request struct {
	sql      string
	params   []libchdb.Param
	settings []setting
}

// readonly tells whether the client has asked that nothing be changed.
func (r request) readonly() bool {
	return slices.ContainsFunc(r.settings, func(s setting) bool { return s.name == "readonly" && s.value != "0" })
}

// sink takes the chunks of a result, in the format asked for.
type sink func(chunk *libchdb.Result) error

// run runs a statement that takes no data from the client and gives the chunks of
// its result to take. Reads are streamed where stream allows it; the bytes of
// other results come in one chunk. A statement without a result gives none.
func (s *session) run(r request, format string, stream bool, take sink) error {
	analysis, err := s.conn.Classify(r.sql)
	if err != nil {
		return err
	}
	if analysis.Statements > 1 {
		return exception(codeSyntaxError, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)")
	}
	if r.readonly() && analysis.Class != libchdb.ReadOnly && analysis.Class != libchdb.Unknown {
		return exception(codeReadonly, "READONLY", "Cannot execute query in readonly mode")
	}
	verb := statement.Verb(r.sql)
	if verb == "SET" {
		s.dirty = true
		// This fails where the client has made the session readonly, which then has
		// kept its tag.
		defer func() { _ = s.retag() }()
	}
	if stream && analysis.Class == libchdb.ReadOnly && slices.Contains([]string{"SELECT", "WITH", "FROM", "("}, verb) {
		return s.stream(r, format, take)
	}
	result, err := s.conn.Query(r.sql, format, r.params...)
	if err != nil {
		return err
	}
	defer result.Close()
	if len(result.Bytes()) == 0 {
		return nil
	}
	return take(result)
}

func (s *session) stream(r request, format string, take sink) error {
	stream, err := s.conn.Stream(r.sql, format, r.params...)
	if err != nil {
		return err
	}
	defer stream.Close()
	for {
		chunk, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = take(chunk)
		chunk.Close()
		if err != nil {
			return err
		}
	}
}

// describe gives the columns that a table, a table function or a query in
// parentheses has, with those that an INSERT without a column list leaves out
// (MATERIALIZED, ALIAS) marked by their kind.
func (s *session) describe(what string, params []libchdb.Param) ([]describedColumn, error) {
	result, err := s.conn.Query("DESCRIBE TABLE "+what, "RowBinary", params...)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	in := bufio.NewReader(bytes.NewReader(result.Bytes()))
	var columns []describedColumn
	for {
		var row [7]string // name, type, kind of default, its expression, comment, codec, TTL
		for i := range row {
			if row[i], err = readText(in, maxStatement); err != nil {
				if i == 0 && errors.Is(err, io.EOF) {
					return columns, nil
				}
				return nil, err
			}
		}
		columns = append(columns, describedColumn{Column: block.Column{Name: row[0], Type: row[1]}, kind: row[2]})
	}
}

type describedColumn struct {
	block.Column
	kind string // of its default: DEFAULT, MATERIALIZED, ALIAS, EPHEMERAL or empty
}

// resultColumns gives the columns of a query's result without running it.
func (s *session) resultColumns(r request) ([]block.Column, error) {
	described, err := s.describe("("+r.sql+"\n)", r.params)
	if err != nil {
		return nil, err
	}
	columns := make([]block.Column, len(described))
	for i, d := range described {
		columns[i] = d.Column
	}
	return columns, nil
}

// insertColumns gives the columns that an INSERT takes, in its order. A name that
// the table does not have is left to the engine to complain of.
func (s *session) insertColumns(in statement.Insert, params []libchdb.Param) ([]block.Column, error) {
	target := in.Target
	if in.Columns != nil && !in.Plain {
		return nil, exception(codeNotImplemented, "NOT_IMPLEMENTED", "the column list of an INSERT must be plain names here")
	}
	described, err := s.describe(target, params)
	if err != nil {
		return nil, err
	}
	var columns []block.Column
	if in.Columns == nil {
		for _, d := range described {
			if d.kind != "MATERIALIZED" && d.kind != "ALIAS" && d.kind != "EPHEMERAL" {
				columns = append(columns, d.Column)
			}
		}
		return columns, nil
	}
	for _, name := range in.Columns {
		i := slices.IndexFunc(described, func(d describedColumn) bool { return d.Name == name })
		if i >= 0 {
			columns = append(columns, described[i].Column)
		}
	}
	return columns, nil
}
