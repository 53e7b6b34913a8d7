"""Checks clickhouse-driver, which speaks the native protocol."""

import os

from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from common import COLUMNS, DATABASE, EVENTS, HOST, PASSWORD, ROWS, SLOW, USER, VIEW, eventually, fails, same


def connect(password=PASSWORD):
    return Client(
        HOST, port=int(os.environ["CLICKHOUSE_NATIVE_PORT"]), user=USER, password=password, database=DATABASE,
        compression="lz4", settings={"max_block_size": 1000})


client = connect()
client.execute("CREATE TABLE clients_driver " + COLUMNS)
# An error after the insert would come with the next answer: the rows are read at once.
same("inserted rows", client.execute("INSERT INTO clients_driver VALUES", ROWS), len(ROWS))
same("rows of the table", client.execute("SELECT * FROM clients_driver ORDER BY at"), ROWS)
same("view", client.execute(VIEW), EVENTS)
same("a setting of the connection", client.execute("SELECT getSetting('max_block_size')"), [(1000,)])
same("a setting of the query", client.execute("SELECT getSetting('max_block_size')", settings={"max_block_size": 10}), [(10,)])
progress = client.execute_with_progress("SELECT count() FROM numbers(1000000) WHERE NOT ignore(number)")
read = [rows for rows, _ in progress][-1]
same("progress and result", (read, progress.get_result()), (1000000, [(1000000,)]))
same("rows read", client.last_query.progress.rows, 1000000)
fails(516, ServerException, lambda: connect(PASSWORD + "?").execute("SELECT 1"))
fails(60, ServerException, lambda: client.execute("SELECT * FROM clients_driver_missing"))
fails(159, ServerException, lambda: client.execute(SLOW, settings={"max_execution_time": 1}))

other = connect()
running = "SELECT count() FROM system.processes WHERE query_id = 'clients_driver'"
rows = other.execute_iter(SLOW, query_id="clients_driver")
next(rows)
same("running queries", client.execute(running), [(1,)])
other.cancel()
eventually("the cancelled query has ended on the server", lambda: client.execute(running) == [(0,)])
