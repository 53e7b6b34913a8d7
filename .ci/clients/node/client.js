// Checks @clickhouse/client.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client'

const { CLICKHOUSE_HOST: host, CLICKHOUSE_HTTP_PORT: port, CLICKHOUSE_USER: username, CLICKHOUSE_PASSWORD: password, CLICKHOUSE_DATABASE: database } = process.env
const options = { url: `http://${host}:${port}`, username, password, database,
  compression: { request: true, response: true }, log: { level: ClickHouseLogLevel.OFF },
}
const client = createClient(options)
const select = async (query) => (await client.query({ query, format: 'JSONEachRow' })).json()
const fails = (code, promise) => assert.rejects(promise, (error) => error instanceof ClickHouseError && error.code === code)
const slow = 'SELECT sleepEachRow(0.5) FROM numbers(60) SETTINGS max_block_size = 1'

assert.equal((await client.ping({ select: true })).success, true)
await client.command({ query: `CREATE TABLE clients_node
  (id UUID, at DateTime64(3, 'UTC'), amount Decimal(18, 4), plan LowCardinality(Nullable(String))) ENGINE = MergeTree ORDER BY at` })
const rows = [
  { id: '6f1e0f3a-5a51-4a7c-9d7e-0f2d0a4b1c2d', at: '2001-09-09 01:46:39.999', amount: '-12.345', plan: 'monthly' },
  { id: '00000000-0000-0000-0000-000000000001', at: '2026-03-29 01:02:03.456', amount: '99999999999999.9999', plan: null },
]
await client.insert({ table: 'clients_node', values: Readable.from(rows), format: 'JSONEachRow' })
assert.deepEqual(await select('SELECT * REPLACE (toString(amount) AS amount) FROM clients_node ORDER BY at'), rows)
assert.deepEqual(await select('SELECT subscription_action, transaction_value FROM piano_subscriber_event_stream ORDER BY event_timestamp'), [
  { subscription_action: 'subscription_started', transaction_value: null },
  { subscription_action: 'subscription_renewed', transaction_value: 12.5 },
])

await fails('516', createClient({ ...options, password: password + '?' }).query({ query: 'SELECT 1' }))
await fails('60', select('SELECT * FROM clients_node_missing'))
await fails('159', client.command({ query: slow, clickhouse_settings: { max_execution_time: 1 } }))

const running = async () => Number((await select("SELECT count() AS n FROM system.processes WHERE query_id = 'clients_node'"))[0].n)
const eventually = async (want) => {
  for (const end = Date.now() + 10_000; (await running()) !== want; await sleep(20)) {
    assert.ok(Date.now() < end, `running queries: still not ${want} after 10 s`)
  }
}
const abort = new AbortController()
const aborted = assert.rejects(client.query({
  query: slow, query_id: 'clients_node', abort_signal: abort.signal,
  clickhouse_settings: { readonly: '2', cancel_http_readonly_queries_on_client_close: 1 },
}), /abort/)
await eventually(1)
abort.abort()
await aborted
await eventually(0)
await client.close()
