package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	kafkaJarsFlag   = flag.String("kafka.jars", "", "folder with the jars of Apache Kafka, for TestKafkaBroker; see `make kafka`")
	brokerKillsFlag = flag.Int("kafka.kills", 100, "how often TestKafkaBroker kills a server or the broker")
)

// TestKafkaBroker kills two servers that read one topic of a real broker, and the broker, time and again at any moment, while messages
// are sent. In the end each message is a row of either server, none was stored twice, and both give the same answers to the bit.
func TestKafkaBroker(t *testing.T) {
	if *kafkaJarsFlag == "" {
		t.Skip("without -kafka.jars there is no broker: run make kafka")
	}
	t.Logf("replay with -kill.seed=%d -kafka.kills=%d", *killSeedFlag, *brokerKillsFlag)
	rng := rand.New(rand.NewPCG(*killSeedFlag, 8))
	dir, binary := t.TempDir(), build(t)
	b := newBroker(t, dir)
	b.start(t)
	b.create(t, killTopic, killPartitions)
	load := startKafkaLoad(t, []string{b.address}, 1000)
	servers := []*kafkaReader{newKafkaReader(t, binary, dir, "a", []string{b.address}), newKafkaReader(t, binary, dir, "b", []string{b.address})}
	for _, s := range servers {
		s.start(t)
	}
	brokerKills := 0
	for range *brokerKillsFlag {
		time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond) // at any moment
		if rng.IntN(5) == 0 {
			b.kill(t)
			b.start(t)
			brokerKills++
			continue
		}
		s := servers[rng.IntN(2)]
		s.kill(t)
		s.start(t)
	}
	sent := load.stop(t)
	var rows [2][]string
	var answers [2]string
	for i, s := range servers {
		s.await(t, len(sent))
		require.Equal(t, sent, s.ids(t))
		rows[i] = s.rows(t)
		answers[i] = get(t, s.process.address+"/v0/pipes/model_performance_metrics.csv?model_id=*&environment=*&model_version=*&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z")
	}
	require.Equal(t, rows[0], rows[1])
	require.Equal(t, answers[0], answers[1])
	for _, s := range servers {
		s.kill(t)
	}
	t.Logf("%d kills, %d of them of the broker, %d messages, 0 lost, 0 twice, two servers equal to the bit", *brokerKillsFlag, brokerKills, len(sent))
}

// broker is a broker of Apache Kafka that is its own controller.
type broker struct {
	address, dir, config string
	process              *exec.Cmd
}

func newBroker(t *testing.T, dir string) *broker {
	t.Helper()
	ports := freePorts(t, 2)
	b := &broker{address: fmt.Sprintf("127.0.0.1:%d", ports[0]), dir: filepath.Join(dir, "broker"), config: filepath.Join(dir, "broker.properties")}
	require.NoError(t, os.WriteFile(b.config, fmt.Appendf(nil, `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%d
listeners=PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d
advertised.listeners=PLAINTEXT://%s
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%s
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.segment.bytes=4194304
`, ports[1], b.address, ports[1], b.address, b.dir), 0o600))
	output, err := b.java("kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", b.config).CombinedOutput()
	require.NoError(t, err, string(output))
	t.Cleanup(func() {
		if b.process != nil {
			_ = b.process.Process.Kill()
			_ = b.process.Wait()
		}
	})
	return b
}

func (b *broker) java(class string, args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(*kafkaJarsFlag, "*"), class}, args...)...)
}

// start starts the broker; clients find it when it is ready.
func (b *broker) start(t *testing.T) {
	t.Helper()
	b.process = b.java("kafka.Kafka", b.config)
	require.NoError(t, b.process.Start())
}

func (b *broker) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, b.process.Process.Kill())
	_ = b.process.Wait()
}

// create creates a topic once the broker is ready.
func (b *broker) create(t *testing.T, topic string, partitions int32) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.address))
	require.NoError(t, err)
	defer client.Close()
	for until := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		_, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, 1, nil, topic)
		if err == nil {
			return
		}
		require.True(t, time.Now().Before(until), "%v", err)
	}
}

// freePorts returns ports of the loopback that nobody listens on.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = l.Close() }()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}
