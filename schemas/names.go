package schemas

import "fmt"

// Table is the quoted name for writing to and reading from a table, or for
// reading a view. o must be valid.
func (o Options) Table(name string) string { return clauses{o}.Table(name) }

// DropPartition is the statement that drops one partition of a table, on every
// node of a cluster. partition is an SQL expression and must not come from
// outside.
func (o Options) DropPartition(table, partition string) string {
	return fmt.Sprintf("ALTER TABLE %s%s DROP PARTITION %s", clauses{o}.Stored(table), clauses{o}.OnCluster(), partition)
}
