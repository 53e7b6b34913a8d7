"""Checks that pyarrow, pandas and DuckDB read what `pianola export` writes.

It exports the stream in every format, and compares each file with the view and with
the manifest: rows, sums, first and last times, nulls and types. It also checks what
BigQuery's loader documents about files: flat columns, plain names, and UTC times.
"""

import csv
import datetime
import json
import os
import re
import subprocess
import sys

import clickhouse_connect
import duckdb
import pandas
import pyarrow
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from common import DATABASE, HOST, PASSWORD, USER, same

PIANOLA, DIRECTORY = sys.argv[1:3]
VIEW = "piano_subscriber_event_stream"
PORT = int(os.environ["CLICKHOUSE_HTTP_PORT"])
client = clickhouse_connect.get_client(
    host=HOST, port=PORT, username=USER, password=PASSWORD, database=DATABASE, tz_mode="aware", autogenerate_session_id=False)

# Rows of a database of its own: texts that look like the formats, refunds, NULLs.
client.command("CREATE DATABASE IF NOT EXISTS clients_exports")
settings = {"PIANOLA_CLICKHOUSE_ADDR": f"{HOST}:{os.environ['CLICKHOUSE_NATIVE_PORT']}", "PIANOLA_EXPORT_CLICKHOUSE_ADDR": f"{HOST}:{PORT}",
            "PIANOLA_CLICKHOUSE_USER": USER, "PIANOLA_CLICKHOUSE_PASSWORD": PASSWORD, "PIANOLA_CLICKHOUSE_DATABASE": "clients_exports"}
environment = {**os.environ, **settings}


def pianola(*arguments):
    return subprocess.run([PIANOLA, *arguments], env=environment, check=True, capture_output=True, text=True).stdout


pianola("migrate")
client.command("""INSERT INTO clients_exports.subscription_events (event_id, subscription_id, user_id, event_timestamp, subscription_action, event_name,
  next_billed_at, transaction_value, subscription_period_number, is_internal_user, synced_at, version)
SELECT generateUUIDv4(), concat('S', toString(number)), if(number % 5 = 0, '', 'u'), toDateTime64('2026-01-15 23:59:59.999', 3, 'UTC') + toIntervalDay(number % 60),
  'Renewed', ['comma, quote " and\\nline', 'plain', 'æøå'][1 + number % 3], if(number % 2 = 0, NULL, toDateTime64('2199-12-31 23:59:59.999', 3, 'UTC')),
  if(number % 7 = 0, NULL, toDecimal64(number - 100, 4) / 4), if(number % 4 = 0, NULL, number), number % 2 = 1, now64(3), 1
FROM numbers(1000)""")

SUMS = ("count() AS rows, sum(transaction_value) AS amounts, count(transaction_value) AS amounts_set, sum(subscription_period_number) AS periods, "
        "countIf(is_internal_user) AS flags, countIf(user_id = '') AS without_user, count(next_billed_at) AS next_set, "
        "toUnixTimestamp64Milli(min(event_timestamp)) AS first, toUnixTimestamp64Milli(max(event_timestamp)) AS last, max(length(event_name)) AS longest")
want = next(client.query(f"SELECT {SUMS} FROM clients_exports.{VIEW}").named_results())
millisecond = datetime.timedelta(milliseconds=1)
epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def sums(frame):
    """The same figures of a pandas frame."""
    times = pandas.to_datetime(frame["event_timestamp"], utc=True)
    return {
        "rows": len(frame), "amounts": frame["transaction_value"].sum(), "amounts_set": frame["transaction_value"].count(),
        "periods": frame["subscription_period_number"].sum(), "flags": frame["is_internal_user"].sum(), "without_user": (frame["user_id"] == "").sum(),
        "next_set": frame["next_billed_at"].count(), "first": (times.min() - epoch) // millisecond, "last": (times.max() - epoch) // millisecond,
        "longest": frame["event_name"].str.encode("utf-8").str.len().max(),
    }


DUCK = ("count(*), sum(transaction_value), count(transaction_value), sum(subscription_period_number), count(*) FILTER (is_internal_user), "
        "count(*) FILTER (user_id = ''), count(next_billed_at), epoch_ms(min(event_timestamp)), epoch_ms(max(event_timestamp)), max(strlen(event_name))")
ARROW = {"STRING": pyarrow.string(), "TIMESTAMP": pyarrow.timestamp("ms", tz="UTC"), "FLOAT": pyarrow.float64(), "INTEGER": pyarrow.int32(), "BOOLEAN": pyarrow.bool_()}
DUCKDB = {"STRING": "VARCHAR", "TIMESTAMP": "TIMESTAMP WITH TIME ZONE", "FLOAT": "DOUBLE", "INTEGER": "INTEGER", "BOOLEAN": "BOOLEAN"}


def compare(reader, got):
    same(reader, {name: float(value) for name, value in got.items()}, {name: float(value) for name, value in want.items()})


def check_manifest(manifest):
    same("rows of the manifest", manifest["rows"], want["rows"])
    first, last = (datetime.datetime.fromisoformat(manifest["partitioning_column"][end].replace("Z", "+00:00")) for end in ("min", "max"))
    same("times of the manifest", ((first - epoch) // millisecond, (last - epoch) // millisecond), (want["first"], want["last"]))


def check_bigquery_names(columns):
    """BigQuery's rule for names of columns, and its rule that a CSV has no nested data."""
    for column in columns:
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,299}", column["name"]), column
        assert column["type"] in ARROW, column
    same("names that differ", len({c["name"].lower() for c in columns}), len(columns))


for form in ("parquet", "csv", "ndjson"):
    manifest = json.loads(pianola("export", "stream", "--to", DIRECTORY, "--format", form, "--json"))
    path = os.path.join(DIRECTORY, manifest["files"][0]["name"])
    columns = manifest["columns"]
    check_manifest(manifest)
    check_bigquery_names(columns)
    types = {c["name"]: ARROW[c["type"]] for c in columns}
    structure = ", ".join(f"'{c['name']}': '{DUCKDB[c['type']]}'" for c in columns)
    if form == "parquet":
        table = pyarrow.parquet.read_table(path)
        same("types in pyarrow", {f.name: f.type for f in table.schema}, types)
        for column in pyarrow.parquet.ParquetFile(path).schema_arrow:
            assert not pyarrow.types.is_nested(column.type), column
        frame = pandas.read_parquet(path)
        duck = f"read_parquet('{path}')"
        described = duckdb.sql(f"DESCRIBE SELECT * FROM {duck}").fetchall()
        same("types in DuckDB", {row[0]: row[1] for row in described}, {c["name"]: DUCKDB[c["type"]] for c in columns})
    elif form == "csv":
        options = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""])
        table = pyarrow.csv.read_csv(path, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True), convert_options=options)
        with open(path, encoding="utf-8", newline="") as file:
            raw = file.read()
            assert not raw.startswith("\ufeff") and "\r" not in raw
            rows = list(csv.reader(raw.splitlines(keepends=True)))
        same("header", rows[0], [c["name"] for c in columns])
        same("records in csv", len(rows) - 1, want["rows"])
        frame = pandas.read_csv(path, keep_default_na=False, na_values={c["name"]: [""] for c in columns if c["name"] != "user_id"})
        duck = f"read_csv('{path}', columns={{{structure}}}, header=true, nullstr='', allow_quoted_nulls=false)"
    else:
        schema = pyarrow.schema([(c["name"], ARROW[c["type"]]) for c in columns])
        table = pyarrow.json.read_json(path, parse_options=pyarrow.json.ParseOptions(explicit_schema=schema))
        frame = pandas.read_json(path, lines=True, convert_dates=False)
        duck = f"read_json('{path}', format='newline_delimited', columns={{{structure}}})"
    if form != "parquet":
        # BigQuery takes dashes in the date, colons in the time, and Z as the zone.
        with open(path, encoding="utf-8") as file:
            assert re.search(r'"2026-01-15T23:59:59\.999Z"', file.read())
    compare("pyarrow " + form, sums(table.to_pandas()))
    compare("pandas " + form, sums(frame))
    compare("DuckDB " + form, dict(zip(want, duckdb.sql(f"SELECT {DUCK} FROM {duck}").fetchall()[0])))
