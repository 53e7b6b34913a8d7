package export

import (
	"bytes"
	"errors"
)

// csvMeasure reads a CSV file as ClickHouse writes it: texts and times are in double
// quotes, a quote in a text is doubled, and LF ends a record.
type csvMeasure struct {
	textFacts
	records
	header          bool // has been read
	partition, sync int  // positions of the columns; -1 if the file has no such column
}

func newCSVMeasure(columns []Column) *csvMeasure {
	m := &csvMeasure{partition: timePosition(columns, partitionColumn), sync: timePosition(columns, syncColumn)}
	m.end = csvRecord
	return m
}

func (m *csvMeasure) add(p []byte) error { return m.each(p, m.record) }

func (m *csvMeasure) facts() (facts, error) {
	if err := m.complete(); err != nil {
		return facts{}, err
	}
	if !m.header {
		return facts{}, errors.New("the file has no header")
	}
	return m.textFacts.facts()
}

var errFields = errors.New("the file has a record with too few fields")

func (m *csvMeasure) record(record []byte) error {
	if !m.header {
		m.header = true
		return nil
	}
	m.rows++
	if m.partition < 0 && m.sync < 0 {
		return nil
	}
	record = record[:len(record)-1]
	for i := 0; i <= max(m.partition, m.sync); i++ {
		value, after, ok := csvField(record)
		if !ok {
			return errFields
		}
		record = after
		var err error
		switch i {
		case m.partition:
			err = m.textFacts.partition.include(value)
		case m.sync:
			err = m.textFacts.sync.include(value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// csvRecord is the length of the first record. A line feed ends it when the quotes before
// it are in pairs.
func csvRecord(p []byte) int {
	quotes := 0
	for at := 0; ; {
		n := bytes.IndexByte(p[at:], '\n')
		if n < 0 {
			return 0
		}
		quotes += bytes.Count(p[at:at+n], []byte{'"'})
		at += n + 1
		if quotes%2 == 0 {
			return at
		}
	}
}

// csvField returns the first field without its quotes, and what follows its comma. A
// doubled quote stays doubled: only times are read.
func csvField(p []byte) (value, after []byte, ok bool) {
	if len(p) == 0 || p[0] != '"' {
		value, after, _ = bytes.Cut(p, []byte{','})
		return value, after, p != nil
	}
	for at := 1; ; {
		n := bytes.IndexByte(p[at:], '"')
		if n < 0 {
			return nil, nil, false
		}
		at += n + 1
		if at < len(p) && p[at] == '"' {
			at++ // a quote in the text
			continue
		}
		value = p[1 : at-1]
		if at == len(p) {
			return value, nil, true
		}
		return value, p[at+1:], p[at] == ','
	}
}
