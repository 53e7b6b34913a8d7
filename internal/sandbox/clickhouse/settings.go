package clickhouse

import (
	"bytes"
	_ "embed"
	"text/template"
)

// Settings are those of the whole server. The zero value is a server without
// logs and limits of its own.
type Settings struct {
	// Logs keeps query_log, part_log, session_log and the metric logs that the
	// server's /dashboard draws. They begin empty at every start.
	Logs bool

	MaxMemory            uint64 // bytes of the whole server; 0: nine tenths of the machine's
	MaxConcurrentQueries uint64 // 0: no limit
	MinFreeDisk          uint64 // bytes that inserts leave free on the disk

	Clusters []Cluster // remote_servers
}

// Cluster is a cluster that the server knows, for Distributed tables.
type Cluster struct {
	Name   string
	Secret string // empty: remote queries run as "default"
	Shards [][]Replica
}

// Replica is a server of a cluster.
type Replica struct {
	Host string
	Port int
}

//go:embed config.xml
var configXML string

var configTemplate = template.Must(template.New("config.xml").Funcs(template.FuncMap{"xml": escape}).Parse(configXML))

// render writes config.xml, which names users.xml.
func (s Settings) render(users string) ([]byte, error) {
	var b bytes.Buffer
	err := configTemplate.Execute(&b, map[string]any{"Settings": s, "Users": users})
	return b.Bytes(), err
}
