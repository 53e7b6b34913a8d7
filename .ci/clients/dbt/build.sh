# Checks dbt-clickhouse: build.sh DBT DIR builds the project over HTTP, and then an
# increment of it over the native protocol. DIR is for what dbt writes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DBT_LOG_PATH=$2 DBT_TARGET_PATH=$2
CLIENTS_INCREMENTS=0 "$1" --no-use-colors build --profiles-dir . --target http
CLIENTS_INCREMENTS=1 "$1" --no-use-colors build --profiles-dir . --target native
