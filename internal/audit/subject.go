package audit

import (
	"fmt"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
)

// subject is what there was to check of one topic.
type subject struct {
	records   uint64 // that Kafka has, at most
	committed int64  // the highest committed offset; -1 without any
	rows      bool   // of the ledger, of any epoch
}

// checkSubjects adds a finding for each topic of which nothing could be checked: a check
// that has looked at nothing must not look like a pass (contract §4). Other findings
// about the topic show that it was looked at. A topic that never held a record has
// nothing to check.
func (a *Audit) checkSubjects(before []consumer.Assignment) {
	var topics []string
	subjects := map[string]*subject{}
	for _, b := range before {
		s := subjects[b.Topic]
		if s == nil {
			s = &subject{committed: -1}
			subjects[b.Topic] = s
			topics = append(topics, b.Topic)
		}
		s.records += span{b.LogStart, b.HighWatermark}.length()
		s.committed = max(s.committed, b.Committed)
	}
	for k, one := range a.accounts {
		if s := subjects[k.Topic]; s != nil && k.Source == schemas.SourceKafka && !one.cover.empty() {
			s.rows = true
		}
	}
	for _, topic := range topics {
		s := subjects[topic]
		if a.findings.about(topic) {
			continue
		}
		f := Finding{Key: Key{Source: schemas.SourceKafka, Topic: topic, Partition: WholeTopic}, Messages: s.records}
		switch {
		case s.committed < 0 && (s.records > 0 || s.rows):
			f.Kind = NoOffsets
			f.Text = fmt.Sprintf("%s: group %s has committed no offset, and Kafka has %d offsets; %s", topic, a.Group, s.records, adviceNoOffsets(s.rows))
		case s.committed >= 0 && !s.rows && (s.records > 0 || s.committed > 0):
			f.Kind = EmptyLedger
			f.Text = fmt.Sprintf("%s: group %s has committed offsets, and the ledger has no row of the topic; "+
				"check clickhouse.database, and whether another application uses kafka.group", topic, a.Group)
		default:
			continue
		}
		a.findings.add(f)
	}
}

func adviceNoOffsets(rows bool) string {
	if rows {
		return "the ledger has rows of the topic: check kafka.group, or the group's offsets have expired"
	}
	return "check kafka.group and clickhouse.database, and whether pianola run has ever run"
}
