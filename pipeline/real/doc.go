// Package real starts servers as they run in production, for tests: Kafka
// brokers in KRaft mode, a redis-server or a Redis Cluster, each as a process of
// its own on loopback, with ports and folders of its own. They are killed,
// restarted and put back to an earlier state; when the process that started them
// ends, however it ends, so do they.
//
// Kafka needs Java 17 and Maven, which fetches the jars once (deploy/local/pom.xml)
// into .cache at the root of the checkout, or where TIDEMARK_CACHE says. Redis
// is the PATH's redis-server.
//
// The package's own tests carry the build tag real (make test-real): they hold
// these servers, and the engine on top of them, to what the models and the
// embedded servers are held to.
package real
