"""Builds Pianola's dbt project, compares its marts with those of ClickHouse, and plants
faults: build.py PIANOLA CONFIG, in the directory of the project that uses it as a package.

dbt runs as a user with the grants of docs/schema-formats.md. Only documentation and the
models with hashes of addresses need more."""

import datetime
import glob
import json
import os
import subprocess
import sys
import time
import urllib.request

from dbt.cli.main import dbtRunner

PIANOLA, CONFIG = sys.argv[1:]
MARTS = sorted(name for name in (os.path.basename(file)[:-4] for file in glob.glob("../pianola-dbt/models/marts/*.sql")) if not name.startswith("base_"))
variables = {"pianola_marts": True}


def query(sql, database="piano"):
    """Sends a statement over HTTP."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{os.environ['CLICKHOUSE_HTTP_PORT']}/?database={database}",
        sql.encode(),
        {"X-ClickHouse-User": "pianola", "X-ClickHouse-Key": os.environ["CLICKHOUSE_PASSWORD"]},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        sys.exit(f"FAIL {sql}\n{error.read().decode()}")


def pianola(*arguments, status=0):
    """Runs a command of Pianola with the configuration of the sandbox."""
    done = subprocess.run([PIANOLA, *arguments, "--config", CONFIG], capture_output=True, text=True)
    assert done.returncode == status, f"pianola {arguments}: status {done.returncode}\n{done.stdout}{done.stderr}"


def dbt(*arguments, target="truth", **further):
    """Runs a command of dbt. Returns name → (status, failures) of its tests, models and
    sources that did not pass, and whether the command succeeded."""
    result = dbtRunner().invoke(
        ["--log-level", "none", *arguments]
        + ([] if arguments[0] == "deps" else ["--target", target, "--target-path", f"target-{target}", "--vars", json.dumps(variables | further)])
    )
    assert result.exception is None, f"dbt {arguments}: {result.exception}"
    found = {}
    for one in getattr(result.result, "results", []):
        status = str(one.status.value if hasattr(one.status, "value") else one.status)
        if status not in ("pass", "success", "no-op"):
            found[one.node.name] = (status, getattr(one, "failures", None))
            if status in ("error", "skipped") and one.node.resource_type != "source":
                print(one.node.name, one.message)
    return found, result.success


def expect(what, got, want):
    """Compares, and ends the check with both sides."""
    if got != want:
        if isinstance(got, tuple) and isinstance(got[0], dict):
            print("only got ", {k: v for k, v in got[0].items() if want[0].get(k) != v})
            print("only want", {k: v for k, v in want[0].items() if got[0].get(k) != v})
        sys.exit(f"FAIL {what}\n got {got}\nwant {want}")
    print(f"ok {what} ({time.monotonic() - began:.0f}s)", flush=True)


def refresh(*views):
    for view in views:  # in their order, since one may read another
        for verb in "REFRESH", "WAIT":
            query(f"SYSTEM {verb} VIEW {view}")


def refresh_state():
    """Brings the state of subscriptions to the events that are stored."""
    asked = query("SELECT now64(3)")
    while query("SELECT max(progress.complete_to) FROM subscriptions WHERE subscription_id = ''") < asked:
        refresh("subscriptions_refresh")


def refresh_marts():
    """Holds the state and the marts as they are from now on. Returns the time of the figures
    of all marts: no day begins and no trial ends while they are computed."""
    query("ALTER TABLE subscriptions_refresh MODIFY REFRESH AFTER 1 YEAR APPEND")
    refresh_state()
    views = query("SELECT view FROM system.view_refreshes WHERE database = 'piano' AND view != 'subscriptions_refresh' ORDER BY view FORMAT TSV").split()
    for view in views:
        append = "APPEND" if " APPEND TO " in query(f"SHOW CREATE TABLE {view} FORMAT TSVRaw") else ""
        query(f"ALTER TABLE {view} MODIFY REFRESH EVERY 1 YEAR {append}")
    while True:
        asked = query("SELECT now64(3)")
        refresh(*views)
        as_of = query("SELECT now64(3)")
        if query(
            f"SELECT toDate('{asked}') = toDate('{as_of}') AND (SELECT count() FROM subscriptions FINAL WHERE trial_ends_at BETWEEN '{asked}' AND '{as_of}') = 0"
        ) == "1":
            return as_of


began = time.monotonic()
dbt("deps")
pianola("reconcile", "--export", "--reconcile.settle", "0s", status=3)  # fills subscription_traits; the sandbox plants drift
variables["pianola_as_of"] = refresh_marts()
os.mkdir("tests")
for mart in MARTS:
    with open(f"tests/{mart}_equals_its_mart.sql", "w") as test:
        test.write(f"{{{{ config(enabled=var('pianola_marts', false)) }}}}\n{{{{ difference('{mart}') }}}}\n")
print(f"ok marts of {variables['pianola_as_of']}: {', '.join(MARTS)} ({time.monotonic() - began:.0f}s)", flush=True)

warnings, success = dbt("build")
expect(
    "build over the simulated publisher: warnings where the data has them, and each model of a mart equals its mart",
    ({name: status for name, (status, _) in warnings.items()}, success),
    (
        {
            "accepted_values_piano_subscriber_event_stream_subscription_action": "warn",
            "relationships_piano_api_subscriptions_subscription_id": "warn",
            "relationships_piano_subscriber_event_stream_upgrade_to_subscription_id": "warn",
        },
        True,
    ),
)
expect(
    "marts have rows, and the models have their columns and types",
    (
        [mart for mart in MARTS if query(f"SELECT count() > 2 FROM {mart}") != "1"],
        query("SELECT name, position, type, count() FROM system.columns WHERE database IN ('piano', 'analytics') AND table IN ('" + "', '".join(MARTS) + "') GROUP BY ALL HAVING count() % 2 != 0"),
    ),
    ([], ""),
)
expect("source freshness", dbt("source", "freshness", "--select", "source:pianola"), ({}, True))
found, success = dbt("docs", "generate", target="owner")
with open("target-owner/manifest.json") as manifest, open("target-owner/catalog.json") as catalog:
    manifest, catalog = json.load(manifest), json.load(catalog)
differences = []
for id, source in manifest["sources"].items():
    if source["source_name"] == "pianola_inputs":  # tables of Pianola, whose columns dbt does not describe
        continue
    described = [(c["name"], c["data_type"], c["description"]) for c in source["columns"].values()]
    exist = [(c["name"], c["type"], c["comment"]) for c in catalog["sources"][id]["columns"].values()]
    if described != exist or source["description"] != catalog["sources"][id]["metadata"]["comment"]:
        differences.append((id, described, exist))
models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model" and node["package_name"] == "pianola"]
for node in models:
    exist = set(catalog["nodes"][node["unique_id"]]["columns"])
    if set(node["columns"]) - {"user_email_hash_sha256"} != exist or not node["description"] or not all(c["description"] for c in node["columns"].values()):
        differences.append((node["unique_id"], sorted(node["columns"]), sorted(exist)))
expect("docs generate: every column is described, as the server describes it", (differences, success, len(models) > len(MARTS)), ([], True, True))

# The staging models have the events of the view, with the ids of the table.
expect(
    "event_id of the staging model",
    query(
        "SELECT count() > 500, countIf(NOT known) FROM (SELECT event_id IN (SELECT event_id FROM piano.subscription_events FINAL) AS known FROM analytics.stg_pianola__events) FORMAT CSV"
    ),
    "1,0",
)

# With hashes of addresses: only their owner may read them.
expect("build with hashes", dbt("build", "--select", "stg_pianola__events", "stg_pianola__analytics_events", target="hashes", pianola_email_hash=True, pianola_marts=False), ({}, True))
expect(
    "hashes of the staging models",
    query(
        "SELECT (SELECT count() FROM analytics_hashes.stg_pianola__events WHERE user_email_hash_sha256 IS NOT NULL) AS n, n > 100,"
        " n = (SELECT count() FROM piano.piano_subscriber_event_stream WHERE user_email_hash_sha256 != '') FORMAT CSV"
    ).partition(",")[2],
    "1,1",
)

# Faults in the sources, and in the models of marts: each fails its test.
now = datetime.datetime.now(datetime.timezone.utc)


def event(id, subscription, action="Renewed", upgrade="NULL"):
    at = (now - datetime.timedelta(days=2)).strftime("%F %T")
    query(
        "INSERT INTO subscription_events (event_id, subscription_id, event_timestamp, subscription_action, subscription_action_raw,"
        f" upgrade_to_subscription_id, term_type, version, synced_at) VALUES (toUUID('00000000-0000-0000-0000-{id:012}'),"
        f" '{subscription}', '{at}', '{action}', '{action}', {upgrade}, 'payment', 1, now64(3))"
    )


event(1, "known", action="Created")
event(2, "known")
event(3, "known", action="Frobnicated")  # an unknown action
event(4, "known")  # the same event under another id
event(5, "")  # a null key
event(6, "known", action="Upgraded", upgrade="'nowhere'")  # a relationship to nothing
query(
    "INSERT INTO subscription_snapshots (snapshot_id, subscription_id, subscription_status, synced_at)"
    " SELECT snapshot_id, 'unknown to the stream', 'active', now64(3) FROM snapshot_runs FINAL WHERE state = 'complete' ORDER BY whole DESC, as_of DESC, completed_at DESC LIMIT 1"
)
refresh_state()
stored = query("SELECT name FROM system.tables WHERE database = 'analytics' AND engine = 'MergeTree' AND name IN ('" + "', '".join(MARTS) + "') FORMAT TSV").split()
for mart in MARTS:
    if mart in stored:  # a row too many
        query(f"INSERT INTO analytics.{mart} SELECT * FROM analytics.{mart} LIMIT 1")
    else:  # a row that is missing
        definition = query(f"SELECT as_select FROM system.tables WHERE database = 'analytics' AND name = '{mart}' FORMAT TSVRaw")
        query(f"CREATE OR REPLACE VIEW analytics.{mart} AS SELECT * FROM ({definition}) LIMIT 1000000 OFFSET 1")


def once_more(name):
    return warnings[name][0], warnings[name][1] + 1


found, success = dbt("test")
differ = {f"{mart}_equals_its_mart" for mart in MARTS}
double = {f"unique_model_{mart}" for mart in stored}
with open("target-truth/manifest.json") as manifest:
    known = {node["name"] for node in json.load(manifest)["nodes"].values()}
expect(
    "test: each fault fails its test, and no other test fails",
    ({name: (status, 0 if name in differ else failures) for name, (status, failures) in found.items()}, success),
    (
        {
            "accepted_values_piano_subscriber_event_stream_subscription_action": once_more("accepted_values_piano_subscriber_event_stream_subscription_action"),
            "unique_piano_subscriber_event_stream": ("fail", 1),
            "unique_analytics_events": ("fail", 1),
            "unique_stg_pianola__events_event_id": ("fail", 1),
            "unique_stg_pianola__analytics_events_event_id": ("fail", 1),
            "valid_piano_subscriber_event_stream": ("fail", 1),
            "valid_analytics_events": ("fail", 1),
            "valid_subscription_state": ("fail", 1),
            "relationships_piano_subscriber_event_stream_upgrade_to_subscription_id": once_more("relationships_piano_subscriber_event_stream_upgrade_to_subscription_id"),
            "relationships_piano_api_subscriptions_subscription_id": once_more("relationships_piano_api_subscriptions_subscription_id"),
        }
        | {name: ("fail", 1) for name in double & known}
        | {name: ("fail", 0) for name in differ},
        False,
    ),
)


def age(hours):
    """Makes everything as if the last event had been stored so long ago."""
    for table in "subscription_events", "subscriptions":
        query(f"ALTER TABLE {table} UPDATE synced_at = now64(3) - INTERVAL {hours} HOUR WHERE true SETTINGS mutations_sync = 2")


views = ("piano_subscriber_event_stream", "analytics_events", "subscription_state")
age(hours=7)
expect("source freshness: seven hours without events warn", dbt("source", "freshness"), (dict.fromkeys(views, ("warn", None)), True))
age(hours=25)
query("TRUNCATE TABLE subscription_snapshots")
expect("source freshness: a stale stream and a missing snapshot fail", dbt("source", "freshness"), (dict.fromkeys((*views, "piano_api_subscriptions"), ("error", None)), False))
