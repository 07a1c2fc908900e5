import org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner;

/** One Elasticsearch node in this process: data folder and HTTP port as arguments. */
public class SearchNode {
  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[1]);
    int transport = Integer.parseInt(args[2]);
    ElasticsearchClusterRunner runner = new ElasticsearchClusterRunner();
    // The runner looks for free ports up to these, and no further than 9299 of itself.
    runner.setMaxHttpPort(65535);
    runner.setMaxTransportPort(65535);
    runner.onBuild((number, settings) -> {
      settings.put("http.port", port);
      settings.put("transport.port", transport);
      settings.put("transport.tcp.port", transport);
      settings.put("network.host", "127.0.0.1");
      settings.put("http.host", "127.0.0.1");
      settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
      settings.put("action.auto_create_index", false);
    });
    runner.build(ElasticsearchClusterRunner.newConfigs()
        .clusterName("graylog").numOfNode(1).basePath(args[0]).baseHttpPort(port - 1).useLogger());
    runner.ensureYellow();
    System.out.println("READY");
    Thread.currentThread().join();
  }
}
