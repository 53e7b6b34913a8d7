package export

import "bytes"

// ndjsonMeasure reads NDJSON as ClickHouse writes it: one object a line, without white
// space. A quote in a text is escaped, so a name with its quotes and colon cannot be part
// of a text.
type ndjsonMeasure struct {
	textFacts
	records
	hasPartition, hasSync bool
}

func newNDJSONMeasure(columns []Column) *ndjsonMeasure {
	m := &ndjsonMeasure{hasPartition: timePosition(columns, partitionColumn) >= 0, hasSync: timePosition(columns, syncColumn) >= 0}
	m.end = func(p []byte) int { return bytes.IndexByte(p, '\n') + 1 }
	return m
}

// The beginnings of the values.
var (
	partitionName = []byte(`"` + partitionColumn + `":"`)
	syncName      = []byte(`"` + syncColumn + `":"`)
)

func (m *ndjsonMeasure) add(p []byte) error { return m.each(p, m.record) }

func (m *ndjsonMeasure) facts() (facts, error) {
	if err := m.complete(); err != nil {
		return facts{}, err
	}
	return m.textFacts.facts()
}

func (m *ndjsonMeasure) record(line []byte) error {
	m.rows++
	if m.hasPartition {
		at := bytes.Index(line, partitionName)
		if at < 0 {
			return errFields // it is never NULL
		}
		if err := m.partition.include(value(line, at+len(partitionName))); err != nil {
			return err
		}
	}
	if m.hasSync {
		at := bytes.LastIndex(line, syncName) // it is near the end
		if at < 0 {
			return errFields
		}
		return m.sync.include(value(line, at+len(syncName)))
	}
	return nil
}

// value is the text at a position, as long as a time.
func value(line []byte, at int) []byte {
	return line[at:min(at+len(instantForm), len(line))]
}
