"""Checks clickhouse-connect, which speaks HTTP."""

import os
import threading

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from common import COLUMNS, DATABASE, EVENTS, HOST, PASSWORD, ROWS, SLOW, USER, VIEW, fails, same


def connect(password=PASSWORD):
    return clickhouse_connect.get_client(
        host=HOST, port=int(os.environ["CLICKHOUSE_HTTP_PORT"]), username=USER, password=password, database=DATABASE,
        compress="lz4", tz_mode="aware", autogenerate_session_id=False)


client = connect()
client.command("CREATE TABLE clients_connect " + COLUMNS)
same("inserted rows", client.insert("clients_connect", ROWS).written_rows, len(ROWS))
same("rows of the table", client.query("SELECT * FROM clients_connect ORDER BY at").result_rows, ROWS)
same("view", client.query(VIEW).result_rows, EVENTS)
same("Arrow", client.query_arrow("SELECT plan FROM clients_connect ORDER BY at", use_strings=True)["plan"].to_pylist(), ["monthly", None])
plans = ExternalData(file_name="plans", fmt="CSV", structure=["plan String", "months UInt8"], data=b"monthly,1\nannual,12\n")
same("external data", client.query("SELECT plan, months FROM clients_connect JOIN plans USING plan", external_data=plans).result_rows, [("monthly", 1)])
fails(516, DatabaseError, lambda: connect(PASSWORD + "?"))
fails(60, DatabaseError, lambda: client.query("SELECT * FROM clients_connect_missing"))
fails(159, DatabaseError, lambda: client.query(SLOW, settings={"max_execution_time": 1}))


ended = threading.Event()


def kill():
    """Kills the query until its client has ended: that sends a query again whose connection breaks."""
    killer = connect()
    while not ended.wait(0.02):
        killer.query("KILL QUERY WHERE query_id = 'clients_connect' SYNC")


killing = threading.Thread(target=kill, daemon=True)
killing.start()
fails(394, DatabaseError, lambda: client.query(SLOW, settings={"query_id": "clients_connect"}))
ended.set()
killing.join()
