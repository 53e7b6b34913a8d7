import com.clickhouse.client.api.Client;
import com.clickhouse.client.api.ServerException;
import com.clickhouse.client.api.query.GenericRecord;
import com.clickhouse.client.api.query.QuerySettings;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;

/** Checks client-v2. */
public class ClientV2 {
    /** Row is a row of the table that the client creates; client-v2 finds columns by getters. */
    public record Row(UUID id, ZonedDateTime at, BigDecimal amount, String plan) {
        public UUID getId() { return id; }
        public ZonedDateTime getAt() { return at; }
        public BigDecimal getAmount() { return amount; }
        public String getPlan() { return plan; }
    }

    static final String SLOW = "SELECT sleepEachRow(0.5) FROM numbers(60) SETTINGS max_block_size = 1";

    static Client.Builder client(String password) {
        return new Client.Builder()
            .addEndpoint("http://" + System.getenv("CLICKHOUSE_HOST") + ":" + System.getenv("CLICKHOUSE_HTTP_PORT"))
            .setUsername(System.getenv("CLICKHOUSE_USER")).setPassword(password)
            .setDefaultDatabase(System.getenv("CLICKHOUSE_DATABASE"))
            .compressServerResponse(true).compressClientRequest(true)
            .setMaxRetries(0); // it would repeat the query that takes too long
    }

    static void same(String what, Object got, Object want) {
        if (!got.equals(want)) throw new AssertionError(what + ": got " + got + ", want " + want);
    }

    static void fails(int code, Callable<?> action) {
        try {
            action.call();
        } catch (Exception e) {
            for (Throwable cause = e; cause != null; cause = cause.getCause()) {
                if (cause instanceof ServerException refused) { same("code of the error", refused.getCode(), code); return; }
            }
            throw new AssertionError("want an error with code " + code, e);
        }
        throw new AssertionError("want an error with code " + code + ", got none");
    }

    public static void main(String[] args) throws Exception {
        String password = System.getenv("CLICKHOUSE_PASSWORD");
        try (Client client = client(password).build(); Client stranger = client(password + "?").build()) {
            client.execute("CREATE TABLE clients_java (id UUID, at DateTime64(3, 'UTC'), amount Decimal(18, 4), plan LowCardinality(Nullable(String)))"
                + " ENGINE = MergeTree ORDER BY at").get().close();
            List<Row> rows = List.of(
                new Row(UUID.fromString("6f1e0f3a-5a51-4a7c-9d7e-0f2d0a4b1c2d"), Instant.parse("2001-09-09T01:46:39.999Z").atZone(ZoneOffset.UTC), new BigDecimal("-12.3450"), "monthly"),
                new Row(UUID.fromString("00000000-0000-0000-0000-000000000001"), Instant.parse("2026-03-29T01:02:03.456Z").atZone(ZoneOffset.UTC), new BigDecimal("99999999999999.9999"), null));
            client.register(Row.class, client.getTableSchema("clients_java"));
            try (var inserted = client.insert("clients_java", rows).get()) {
                same("inserted rows", inserted.getWrittenRows(), 2L);
            }
            List<Row> stored = new ArrayList<>();
            for (GenericRecord r : client.queryAll("SELECT * FROM clients_java ORDER BY at")) {
                stored.add(new Row(r.getUUID("id"), r.getInstant("at").atZone(ZoneOffset.UTC), r.getBigDecimal("amount"), r.getString("plan")));
            }
            same("rows of the table", stored, rows);
            List<Object> events = new ArrayList<>();
            for (GenericRecord r : client.queryAll("SELECT * FROM piano_subscriber_event_stream ORDER BY event_timestamp")) {
                events.add(Arrays.asList(r.getString("subscription_action"), r.getObject("transaction_value")));
            }
            same("view", events, List.of(Arrays.asList("subscription_started", null), List.of("subscription_renewed", 12.5)));
            try (var answer = client.query("SELECT * FROM clients_java").get()) {
                same("rows of the result in the summary", answer.getResultRows(), 2L);
            }
            fails(516, () -> stranger.query("SELECT 1").get());
            fails(60, () -> client.query("SELECT * FROM clients_java_missing").get());
            fails(159, () -> client.query(SLOW, new QuerySettings().setMaxExecutionTime(1)).get());
        }
    }
}
