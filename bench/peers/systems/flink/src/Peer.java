import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.functions.ScalarFunction;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.CloseableIterator;

/**
 * Flink's side of `npm run bench:peers`: one query as Flink SQL in a local mini-cluster, streaming mode over bounded files. Driven as `spark.py` is.
 */
public final class Peer {
  private static final String YSB = "user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING";
  private static final String BID =
      "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP(3), extra STRING";

  private static JsonNode spec;

  /** A small static table as a function: streaming SQL has no broadcast join of a bounded table that keeps the event time. */
  public static final class Campaign extends ScalarFunction {
    private static final Map<String, String> BY_AD = new HashMap<>();

    public String eval(String ad) {
      return BY_AD.get(ad);
    }
  }

  public static final class Side extends ScalarFunction {
    private static final Map<Long, Long> BY_KEY = new HashMap<>();

    public Long eval(Long key) {
      return BY_KEY.get(key);
    }
  }

  public static void main(String[] args) throws Exception {
    ObjectMapper json = new ObjectMapper();
    PrintStream out = System.out;
    // What libraries print is no answer.
    System.setOut(System.err);
    spec = json.readTree(args[0]);
    out.println(json.writeValueAsString(Map.of("pid", ProcessHandle.current().pid(), "version", version())));
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String command = commands.readLine(); command != null; command = commands.readLine()) {
      out.println(json.writeValueAsString(command.trim().equals("check") ? check() : run()));
    }
    System.exit(0);
  }

  private static String version() {
    return org.apache.flink.runtime.util.EnvironmentInformation.getVersion();
  }

  private static void readSides(String part) throws Exception {
    for (String side : List.of("ads", "side")) {
      JsonNode path = spec.get("sides").get(part).get(side);
      if (path == null) continue;
      for (String line : Files.readAllLines(Path.of(path.asText()))) {
        String[] values = line.split(",");
        if (side.equals("ads")) Campaign.BY_AD.put(values[0], values[1]);
        else Side.BY_KEY.put(Long.valueOf(values[0]), Long.valueOf(values[1]));
      }
    }
  }

  private static StreamTableEnvironment environment(String part) throws Exception {
    readSides(part);
    String cores = spec.get("cores").asText();
    String work = spec.get("work").asText();
    Configuration settings = new Configuration();
    settings.setString("parallelism.default", cores);
    settings.setString("taskmanager.numberOfTaskSlots", cores);
    settings.setString("taskmanager.memory.managed.size", "1g");
    settings.setString("taskmanager.memory.network.max", "256m");
    settings.setString("execution.runtime-mode", "streaming");
    settings.setString("pipeline.object-reuse", "true");
    settings.setString("state.backend.type", spec.get("state").asText().equals("rocksdb") ? "rocksdb" : "hashmap");
    settings.setString("execution.checkpointing.incremental", "true");
    settings.setString("execution.checkpointing.interval", spec.get("checkpointMs").asText() + "ms");
    settings.setString("execution.checkpointing.storage", "filesystem");
    settings.setString("execution.checkpointing.dir", "file://" + work + "/checkpoint");
    settings.setString("io.tmp.dirs", work);
    StreamExecutionEnvironment streams = StreamExecutionEnvironment.createLocalEnvironment(Integer.parseInt(cores), settings);
    StreamTableEnvironment tables = StreamTableEnvironment.create(streams, EnvironmentSettings.inStreamingMode());
    tables.getConfig().set("table.local-time-zone", "UTC");
    // Updates of a running count are folded before they go to the state, as micro-batches do it.
    if (spec.get("program").asText().equals("count-by-key") || spec.get("program").asText().equals("q17")) {
      tables.getConfig().set("table.exec.mini-batch.enabled", "true");
      tables.getConfig().set("table.exec.mini-batch.allow-latency", "1 s");
      tables.getConfig().set("table.exec.mini-batch.size", "50000");
    }
    boolean isParquet = spec.get("form").asText().equals("parquet");
    String from = ") WITH ('connector' = 'filesystem', 'path' = 'file://" + spec.get("data").get(part).asText() + "', 'format' = '"
        + (isParquet ? "parquet', 'parquet.utc-timezone' = 'true" : "json") + "')";
    // Flink hands out files in no order; with the queries' delay of seconds it would drop most rows as late, and its answers would be wrong.
    String late = ", WATERMARK FOR ts AS ts - INTERVAL '1' DAY";
    tables.executeSql(isParquet
        ? "CREATE TABLE events (" + YSB + ", event_time TIMESTAMP(3), ip_address STRING, ts AS event_time" + late + from
        : "CREATE TABLE events (" + YSB + ", event_time STRING, ip_address STRING, ts AS TO_TIMESTAMP_LTZ(CAST(event_time AS BIGINT), 3)" + late + from);
    tables.executeSql("CREATE TABLE bids (" + BID + ", WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '1' DAY" + from);
    tables.executeSql("CREATE TABLE timed_bids (" + BID + ", at_time AS PROCTIME()" + from);
    tables.executeSql("CREATE TABLE numbers (`key` BIGINT" + from);
    tables.createTemporarySystemFunction("campaign_of", Campaign.class);
    tables.createTemporarySystemFunction("side_of", Side.class);
    tables.executeSql("CREATE VIEW viewed AS SELECT campaign_of(ad_id) AS campaign, ts FROM events WHERE event_type = 'view'");
    return tables;
  }


  private static String query() {
    boolean isParquet = spec.get("form").asText().equals("parquet");
    return switch (spec.get("program").asText()) {
      case "ysb" -> "SELECT window_start, campaign, COUNT(*), MAX(ts) FROM TABLE(TUMBLE(TABLE viewed, DESCRIPTOR(ts), INTERVAL '10' SECOND))"
          + " WHERE campaign IS NOT NULL GROUP BY campaign, window_start, window_end";
      case "project" -> "SELECT user_id, ad_id, " + (isParquet ? "event_time" : "CAST(event_time AS BIGINT)") + " FROM events WHERE event_type = 'view'";
      case "count-by-key" -> "SELECT `key`, COUNT(*) FROM numbers GROUP BY `key`";
      case "q0" -> "SELECT auction, bidder, price, `dateTime`, extra FROM bids";
      case "q1" -> "SELECT auction, bidder, 0.908 * price, `dateTime`, extra FROM bids";
      case "q2" -> "SELECT auction, price FROM bids WHERE MOD(auction, 123) = 0";
      case "q5" -> "SELECT window_start, MAX(num * 10000000000 + auction) FROM (SELECT auction, window_start, window_end, COUNT(*) AS num"
          + " FROM TABLE(HOP(TABLE bids, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND))"
          + " GROUP BY auction, window_start, window_end) GROUP BY window_start, window_end";
      case "q7" -> "SELECT window_start, MAX(price * 10000000000 + auction)"
          + " FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY window_start, window_end";
      case "q12" -> "SELECT bidder, window_start, COUNT(*)"
          + " FROM TABLE(TUMBLE(TABLE timed_bids, DESCRIPTOR(at_time), INTERVAL '10' SECOND)) GROUP BY bidder, window_start, window_end";
      case "q13" -> "SELECT auction, bidder, price, `dateTime`, side_of(MOD(auction, 10000)) FROM bids";
      case "q17" -> "SELECT auction, CAST(CAST(`dateTime` AS DATE) AS TIMESTAMP(3)), COUNT(*), COUNT(*) FILTER (WHERE price < 10000),"
          + " COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000), COUNT(*) FILTER (WHERE price >= 1000000), MIN(price), MAX(price), SUM(price)"
          + " FROM bids GROUP BY auction, CAST(`dateTime` AS DATE)";
      default -> throw new IllegalArgumentException("no query " + spec.get("program").asText());
    };
  }

  /** How many columns are the key of an updating answer; 0 when rows are only added. */
  private static int keyColumns() {
    return switch (spec.get("program").asText()) {
      case "count-by-key" -> 1;
      case "q17" -> 2;
      default -> 0;
    };
  }

  private static Map<String, Object> check() throws Exception {
    Map<String, String> rows = new HashMap<>();
    try (CloseableIterator<Row> found = environment("check").executeSql(query()).collect()) {
      while (found.hasNext()) {
        Row row = found.next();
        if (row.getKind() == RowKind.UPDATE_BEFORE || row.getKind() == RowKind.DELETE) continue;
        List<String> values = new ArrayList<>();
        for (int column = 0; column < row.getArity(); column++) values.add(text(row.getField(column)));
        String key = keyColumns() == 0 ? String.valueOf(rows.size()) : String.join(",", values.subList(0, keyColumns()));
        rows.put(key, String.join(",", values));
      }
    }
    Files.writeString(Path.of(spec.get("answer").asText()), rows.values().stream().map(line -> line + "\n").collect(Collectors.joining()));
    return Map.of();
  }

  private static String text(Object value) {
    if (value instanceof java.time.LocalDateTime time) return String.valueOf(time.toInstant(java.time.ZoneOffset.UTC).toEpochMilli());
    if (value instanceof java.time.Instant instant) return String.valueOf(instant.toEpochMilli());
    return String.valueOf(value);
  }

  /** Seconds are the job's own, without making and submitting it. */
  private static Map<String, Object> run() throws Exception {
    StreamTableEnvironment tables = environment("full");
    String columns = tables.sqlQuery(query()).getResolvedSchema().getColumns().stream()
        .map(column -> column.getDataType().getLogicalType().copy(true).asSerializableString().replaceAll(" \\*(ROW|PROC)TIME\\*", ""))
        .reduce("", (list, type) -> list + (list.isEmpty() ? "c" : ", c") + list.length() + " " + type);
    String sink = spec.get("sink").asText().equals("parquet")
        ? "'connector' = 'filesystem', 'format' = 'parquet', 'path' = 'file://" + spec.get("work").asText() + "/out-" + System.nanoTime() + "'"
        : "'connector' = 'blackhole'";
    tables.executeSql("CREATE TABLE sink (" + columns + ") WITH (" + sink + ")");
    TableResult result = tables.executeSql("INSERT INTO sink " + query());
    long millis = result.getJobClient().orElseThrow().getJobExecutionResult().get().getNetRuntime();
    return Map.of("seconds", millis / 1000.0);
  }
}
