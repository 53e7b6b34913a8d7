import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.TimeoutException;

/** Checks clickhouse-jdbc. */
public class Jdbc {
    interface Action { void run() throws SQLException; }

    static final String SLOW = "SELECT sleepEachRow(0.5) FROM numbers(60) SETTINGS max_block_size = 1";

    static Connection connect(String password, boolean async) throws SQLException {
        Properties properties = new Properties();
        properties.put("user", System.getenv("CLICKHOUSE_USER"));
        properties.put("password", password);
        properties.put("compress", "true");
        properties.put("async", String.valueOf(async));
        return DriverManager.getConnection("jdbc:clickhouse://" + System.getenv("CLICKHOUSE_HOST") + ":" + System.getenv("CLICKHOUSE_HTTP_PORT")
            + "/" + System.getenv("CLICKHOUSE_DATABASE"), properties);
    }

    static void same(String what, Object got, Object want) {
        if (!got.equals(want)) throw new AssertionError(what + ": got " + got + ", want " + want);
    }

    static void fails(int code, Action action) {
        try {
            action.run();
        } catch (SQLException e) {
            if (e.getErrorCode() != code) throw new AssertionError("want an error with code " + code + ", got " + e.getErrorCode(), e);
            return;
        }
        throw new AssertionError("want an error with code " + code + ", got none");
    }

    static long running(Statement statement, long rows) throws Exception {
        for (long end = System.nanoTime() + 10_000_000_000L; ; Thread.sleep(20)) {
            try (ResultSet r = statement.executeQuery("SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleepEachRow%' AND current_database = currentDatabase() AND http_user_agent LIKE '%jdbc%'")) {
                r.next();
                if (r.getLong(1) == rows || System.nanoTime() > end) return r.getLong(1);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        String password = System.getenv("CLICKHOUSE_PASSWORD");
        try (Connection connection = connect(password, false); Statement statement = connection.createStatement(); Statement slow = connection.createStatement()) {
            statement.execute("CREATE TABLE clients_jdbc (id UUID, at DateTime64(3, 'UTC'), amount Decimal(18, 4), plan LowCardinality(Nullable(String)))"
                + " ENGINE = MergeTree ORDER BY at");
            List<List<Object>> rows = List.of(
                Arrays.asList(UUID.fromString("6f1e0f3a-5a51-4a7c-9d7e-0f2d0a4b1c2d"), Instant.parse("2001-09-09T01:46:39.999Z").atZone(ZoneOffset.UTC), new BigDecimal("-12.3450"), "monthly"),
                Arrays.asList(UUID.fromString("00000000-0000-0000-0000-000000000001"), Instant.parse("2026-03-29T01:02:03.456Z").atZone(ZoneOffset.UTC), new BigDecimal("99999999999999.9999"), null));
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO clients_jdbc VALUES (?, ?, ?, ?)")) {
                for (List<Object> row : rows) {
                    for (int i = 0; i < row.size(); i++) insert.setObject(i + 1, row.get(i));
                    insert.addBatch();
                }
                insert.executeBatch();
            }
            List<List<Object>> stored = new ArrayList<>();
            try (ResultSet r = statement.executeQuery("SELECT * FROM clients_jdbc ORDER BY at")) {
                while (r.next()) {
                    stored.add(Arrays.asList(r.getObject("id"), r.getObject("at", ZonedDateTime.class).withZoneSameInstant(ZoneOffset.UTC), r.getBigDecimal("amount"), r.getString("plan")));
                }
            }
            same("rows of the table", stored, rows);
            List<Object> events = new ArrayList<>();
            try (ResultSet r = statement.executeQuery("SELECT subscription_action, transaction_value FROM piano_subscriber_event_stream ORDER BY event_timestamp")) {
                while (r.next()) events.add(Arrays.asList(r.getString(1), r.getObject(2)));
            }
            same("view", events, List.of(Arrays.asList("subscription_started", null), List.of("subscription_renewed", 12.5)));
            fails(516, () -> connect(password + "?", false).createStatement().executeQuery("SELECT 1"));
            fails(60, () -> statement.executeQuery("SELECT * FROM clients_jdbc_missing"));

            Thread cancelling = new Thread(() -> {
                try {
                    same("running queries", running(statement, 1), 1L);
                    slow.cancel();
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
            cancelling.start();
            fails(394, () -> slow.executeQuery(SLOW));
            cancelling.join();
            same("running queries after the cancel", running(statement, 0), 0L);
            fails(159, () -> slow.executeQuery(SLOW + ", max_execution_time = 1"));
        }
        // setQueryTimeout has no effect without async, and with it errors have no codes.
        try (Connection connection = connect(password, true); Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            try {
                statement.executeQuery(SLOW + ", max_execution_time = 5");
                throw new AssertionError("a query time-out had no effect");
            } catch (SQLException e) {
                same("cause of the error after a query time-out", e.getCause().getClass(), TimeoutException.class);
            }
        }
    }
}
