# Checks curl. $1 is a Python that has pyarrow: it reads what curl has fetched.
set -euo pipefail
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
base=http://$CLICKHOUSE_HOST:$CLICKHOUSE_HTTP_PORT

same() { [ "$2" = "$3" ] || { echo "$1: got '$2', want '$3'"; exit 1; }; }
post() { # post PARAMETERS CURL-OPTION...: the password is not among the arguments, which others can see
  local parameters=$1
  shift
  curl -sS --config <(echo "user = \"$CLICKHOUSE_USER:$CLICKHOUSE_PASSWORD\"") "$base/?database=$CLICKHOUSE_DATABASE&$parameters" "$@"
}
code() { post "$1" -o /dev/null -D - --data-binary "$2" | tr -d '\r' | sed -n 's/^x-clickhouse-exception-code: //Ip'; }

post '' --fail --data-binary "CREATE TABLE clients_curl (id UUID, at DateTime64(3, 'UTC'), amount Decimal(18, 4),
  plan LowCardinality(Nullable(String))) ENGINE = MergeTree ORDER BY at"
rows="6f1e0f3a-5a51-4a7c-9d7e-0f2d0a4b1c2d	2001-09-09 01:46:39.999	-12.345	monthly
00000000-0000-0000-0000-000000000001	2026-03-29 01:02:03.456	99999999999999.9999	\\N"
gzip <<<"$rows" | post 'query=INSERT+INTO+clients_curl+FORMAT+TSV' --fail -H 'Content-Encoding: gzip' --data-binary @-
read_back='SELECT * FROM clients_curl ORDER BY at'
same "rows of the table" "$(post enable_http_compression=1 --fail --compressed --data-binary "$read_back FORMAT TSV")" "$rows"
same "view" "$(post '' --fail --data-binary 'SELECT subscription_action, transaction_value FROM piano_subscriber_event_stream ORDER BY event_timestamp FORMAT CSV')" \
  '"subscription_started",\N
"subscription_renewed",12.5'

post '' --fail --data-binary "$read_back FORMAT Parquet" -o "$files/rows.parquet"
post '' --fail --data-binary "$read_back FORMAT Arrow" -o "$files/rows.arrow"
"$1" - "$files" <<'EOF'
import sys, pyarrow.feather, pyarrow.parquet
from datetime import datetime, timezone
from decimal import Decimal
want = [(datetime(2001, 9, 9, 1, 46, 39, 999000, timezone.utc), Decimal("-12.3450"), "monthly"),
        (datetime(2026, 3, 29, 1, 2, 3, 456000, timezone.utc), Decimal("99999999999999.9999"), None)]
for kind, table in {"Parquet": pyarrow.parquet.read_table(sys.argv[1] + "/rows.parquet"),
                    "Arrow": pyarrow.feather.read_table(sys.argv[1] + "/rows.arrow")}.items():
    got = [(r["at"], r["amount"], r["plan"]) for r in table.to_pylist()]
    assert got == want, f"{kind}: got {got}, want {want}"
EOF
post 'query=INSERT+INTO+clients_curl+FORMAT+Parquet' --fail --data-binary @"$files/rows.parquet"
same "rows after inserting the Parquet file" "$(post '' --fail --data-binary 'SELECT count(), uniqExact(tuple(*)) FROM clients_curl')" "4	2"

same "code for a missing table" "$(code '' 'SELECT * FROM clients_curl_missing')" 60
same "code for a wrong password" "$(CLICKHOUSE_PASSWORD+='?' code '' 'SELECT 1')" 516
same "code for a query that takes too long" "$(code 'max_execution_time=1&wait_end_of_query=1' 'SELECT sleepEachRow(0.5) FROM numbers(60) SETTINGS max_block_size = 1')" 159
same "ping" "$(curl -sS --fail "$base/ping")" Ok.
for page in play dashboard; do
  same "/$page" "$(curl -sS -o "$files/page" -w '%{http_code} %{content_type}' "$base/$page" | cut -d';' -f1)" "200 text/html"
  grep -qi '</html>' "$files/page" || { echo "/$page is not a whole page"; exit 1; }
done
