"""What both Python clients insert and expect."""

import datetime
import decimal
import os
import time
import uuid

HOST, USER, PASSWORD, DATABASE = (os.environ["CLICKHOUSE_" + name] for name in ("HOST", "USER", "PASSWORD", "DATABASE"))
COLUMNS = "(id UUID, at DateTime64(3, 'UTC'), amount Decimal(18, 4), plan LowCardinality(Nullable(String))) ENGINE = MergeTree ORDER BY at"
VIEW = "SELECT subscription_action, transaction_value FROM piano_subscriber_event_stream ORDER BY event_timestamp"
EVENTS = [("subscription_started", None), ("subscription_renewed", 12.5)]
SLOW = "SELECT sleepEachRow(0.5) FROM numbers(60) SETTINGS max_block_size = 1"
ROWS = [
    (uuid.UUID("6f1e0f3a-5a51-4a7c-9d7e-0f2d0a4b1c2d"), datetime.datetime(2001, 9, 9, 1, 46, 39, 999000, datetime.timezone.utc), decimal.Decimal("-12.3450"), "monthly"),
    (uuid.UUID("00000000-0000-0000-0000-000000000001"), datetime.datetime(2026, 3, 29, 1, 2, 3, 456000, datetime.timezone.utc), decimal.Decimal("99999999999999.9999"), None),
]


def same(what, got, want):
    assert got == want, f"{what}: got {got}, want {want}"


def fails(code, error_type, action):
    """action raises error_type with ClickHouse's code."""
    try:
        action()
    except error_type as error:
        same("code of the error", error.code, code)
        return
    raise AssertionError(f"want an error with code {code}, got none")


def eventually(what, ask):
    end = time.monotonic() + 10
    while not ask():
        assert time.monotonic() < end, f"{what}: still not after 10 s"
        time.sleep(0.02)
