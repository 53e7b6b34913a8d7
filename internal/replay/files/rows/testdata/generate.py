"""Writes the Parquet files of the tests: the same twelve rows by several writers.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install pyarrow duckdb polars
    /tmp/venv/bin/python generate.py
"""
import datetime, decimal, json, duckdb, polars, pyarrow as pa, pyarrow.parquet as pq

UTC = datetime.timezone.utc
N = 12
rows = [{
    "subscription_id": f"S{i}",
    "user_id": None if i % 5 == 4 else f"u-{i}",
    "event_timestamp": datetime.datetime(2025, 1 + i, 3, 4, 5, 6, 789000, UTC),
    "subscription_action": ["Created", "Renewed", "Auto-renew disabled"][i % 3],
    "term_name": None if i % 4 == 0 else ["Monthly \u00e5", "Yearly \"x\""][i % 2],
    "next_billed_at": None if i % 3 == 0 else datetime.datetime(2025, 1 + i, 28, 0, 0, 0, 0, UTC),
    "transaction_value": None if i % 6 == 5 else decimal.Decimal(f"{i - 3}.{i:02d}50"),
    "subscription_period_number": None if i % 7 == 6 else i,
    "is_internal_user": False,
    "price_list": f"ignored {i}",
} for i in range(N)]

schema = pa.schema([
    ("subscription_id", pa.string()), ("user_id", pa.string()), ("event_timestamp", pa.timestamp("ms", "UTC")),
    ("subscription_action", pa.string()), ("term_name", pa.string()), ("next_billed_at", pa.timestamp("ms", "UTC")),
    ("transaction_value", pa.decimal128(18, 4)), ("subscription_period_number", pa.int32()),
    ("is_internal_user", pa.bool_()), ("price_list", pa.string()),
])
table = pa.Table.from_pylist(rows, schema)

def cast(**types):
    return table.cast(pa.schema([pa.field(f.name, types.get(f.name, f.type)) for f in schema]))

pq.write_table(table, "pyarrow.parquet", row_group_size=5)
pq.write_table(table, "pyarrow_v2.parquet", data_page_version="2.0", compression="zstd", data_page_size=64, row_group_size=7)
pq.write_table(table, "pyarrow_plain.parquet", use_dictionary=False, compression="none", write_page_index=True, data_page_size=64)
pq.write_table(table, "pyarrow_delta.parquet", use_dictionary=False, compression="brotli", column_encoding={
    "subscription_id": "DELTA_BYTE_ARRAY", "user_id": "DELTA_LENGTH_BYTE_ARRAY", "event_timestamp": "DELTA_BINARY_PACKED"})
pq.write_table(table, "int96.parquet", use_deprecated_int96_timestamps=True, compression="gzip")
pq.write_table(cast(event_timestamp=pa.timestamp("ns", "UTC"), next_billed_at=pa.timestamp("us", "UTC"),
    transaction_value=pa.decimal128(38, 10), subscription_period_number=pa.int64(),
    subscription_action=pa.dictionary(pa.int32(), pa.string())), "wide.parquet", compression="lz4", coerce_timestamps=None, version="2.6")
pq.write_table(cast(transaction_value=pa.float64(), event_timestamp=pa.timestamp("ms")), "double.parquet")
pq.write_table(cast(transaction_value=pa.decimal128(9, 4)), "decimal32.parquet", store_decimal_as_integer=True)
connection = duckdb.connect()
connection.register("t", table)
connection.execute("SET TimeZone = 'UTC'")
connection.execute("COPY t TO 'duckdb.parquet' (FORMAT parquet)")
polars.from_arrow(table).write_parquet("polars.parquet")

nested = [dict(r, term_name={"name": "x"}) for r in rows]
pq.write_table(pa.Table.from_pylist(nested), "nested.parquet")
pq.write_table(pa.Table.from_pylist([dict(r, term_name=["x", "y"]) for r in rows]), "list.parquet")
pq.write_table(table.append_column("event_name", pa.array([datetime.time(1)] * N)), "time.parquet")
pq.write_table(table.append_column("event_name", pa.array([True] * N)), "boolean.parquet")
pq.write_table(table.append_column("event_name", pa.array([b"abcd"] * N, pa.binary(4))), "fixed.parquet")
pq.write_table(table.append_column("other", pa.array([[{"a": 1}]] * N)), "other_nested.parquet")

with open("rows.ndjson", "w") as out:
    for r in rows:
        out.write(json.dumps({k: v.isoformat() if isinstance(v, datetime.datetime) else str(v) if isinstance(v, decimal.Decimal) else v for k, v in r.items()}) + "\n")
