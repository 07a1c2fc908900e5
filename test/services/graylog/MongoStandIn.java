import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * mongo-java-server in memory, with the few things that Graylog asks for and it lacks: a version that
 * Graylog takes, "$$NOW", capped collections (made as plain ones), and a register of nodes in which
 * the one node is always alive.
 */
public class MongoStandIn extends MemoryBackend {
  public static void main(String[] args) throws Exception {
    MongoStandIn backend = new MongoStandIn();
    backend.version(new MongoVersion() {
      @Override public String toVersionString() { return "7.0.14"; }
      @Override public List<Integer> getVersionArray() { return List.of(7, 0, 14); }
      @Override public int getWireVersion() { return 21; }
    });
    new MongoServer(backend).bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])));
    System.out.println("READY");
    Thread.currentThread().join();
  }

  @Override public Document handleMessage(MongoMessage message) {
    Document command = message.getDocument();
    if (command.keySet().iterator().next().startsWith("{ ping")) return new Document("ok", 1.0);
    if (command.containsKey("create")) {
      command.remove("capped");
      command.remove("size");
      command.remove("max");
    }
    if (command.containsKey("aggregate")) {
      boolean isNodes = String.valueOf(command.get("aggregate")).endsWith("nodes");
      command.put("pipeline", isNodes ? withoutHeartbeats(command) : withNow(command.get("pipeline")));
    }
    try {
      return super.handleMessage(message);
    } catch (RuntimeException error) {
      // A migration of old dashboards, of which there are none.
      boolean isArrayFilter = String.valueOf(error.getMessage()).contains("array filter");
      if (!command.containsKey("update") || !isArrayFilter) throw error;
      return new Document("n", 0).append("nModified", 0).append("ok", 1.0);
    }
  }

  /** The stages without their tests on a node's last heartbeat. */
  private static List<Object> withoutHeartbeats(Document command) {
    List<Object> stages = new ArrayList<>();
    for (Object stage : (Collection<?>) command.get("pipeline")) {
      if (!isHeartbeat(stage)) {
        stages.add(stage);
        continue;
      }
      Object match = ((Document) stage).get("$match");
      if (!(match instanceof Document)) continue;
      Object all = ((Document) match).get("$and");
      if (!(all instanceof Collection)) {
        stages.add(new Document("$match", new Document("_id", "nobody")));
        continue;
      }
      List<Object> kept = new ArrayList<>();
      for (Object condition : (Collection<?>) all) {
        if (!isHeartbeat(condition) && !((Document) condition).isEmpty()) kept.add(condition);
      }
      if (!kept.isEmpty()) stages.add(new Document("$match", new Document("$and", kept)));
    }
    return stages;
  }

  private static boolean isHeartbeat(Object value) {
    return String.valueOf(value).contains("last_seen_date");
  }

  private static Object withNow(Object value) {
    if ("$$NOW".equals(value)) return Instant.now();
    if (value instanceof Document) {
      Document copy = new Document();
      ((Document) value).forEach((key, inner) -> copy.put(key, withNow(inner)));
      return copy;
    }
    if (value instanceof Collection) {
      List<Object> copy = new ArrayList<>();
      for (Object inner : (Collection<?>) value) copy.add(withNow(inner));
      return copy;
    }
    return value;
  }
}
