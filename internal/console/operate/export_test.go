package operate

// The queries of coverage, which a test runs with other sets of doubtful partitions.
var (
	DoubtfulSQL = doubtfulSQL
	CoverageSQL = map[string]string{"partitions": partitionsSQL, "gaps": gapsSQL, "overlaps": overlapsSQL}
)
