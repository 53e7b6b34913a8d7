package sink

import (
	"context"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
)

const dedupToken = "insert_deduplication_token"

// attemptToken is the token of a statement's nth attempt: each has one of its own.
//
// Under a token that it has seen ClickHouse drops the rows and says that they are
// in. A MergeTree table writes the token to its log before it puts the part in
// place, so that a server killed between the two (or that fails there) knows the
// token and has no rows: the same token again would be acknowledged, committed and
// lost. What a repetition may add instead is harmless: rows replace themselves by
// key, and readers of the ledger take one row of a flush and partition.
//
// There is a token at all because without one ClickHouse goes by the rows' content,
// of which the same holds.
func attemptToken(token string, n int) string {
	if n == 1 {
		return token
	}
	return token + "#" + strconv.Itoa(n)
}

func withToken(ctx context.Context, token string) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{dedupToken: token}))
}
