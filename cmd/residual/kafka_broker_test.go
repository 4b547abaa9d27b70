package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
			b.awaitReady(t, killTopic)
			b.kill(t)
			b.start(t) // servers are killed while it does so
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
	address, dir, config, log string
	process                   *exec.Cmd
	ended                     chan struct{} // closed when the process has ended
	client                    *kgo.Client
}

// newBroker starts a broker that has no topics yet.
func newBroker(t *testing.T, dir string) *broker {
	t.Helper()
	ports := freePorts(t, 2)
	b := &broker{
		address: fmt.Sprintf("127.0.0.1:%d", ports[0]), dir: filepath.Join(dir, "broker"),
		config: filepath.Join(dir, "broker.properties"), log: filepath.Join(dir, "broker.log"),
	}
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
	b.client, err = kgo.NewClient(kgo.SeedBrokers(b.address), kgo.MetadataMinAge(50*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(func() {
		b.client.Close()
		if b.process != nil {
			_ = b.process.Process.Kill()
			<-b.ended
		}
	})
	b.start(t)
	b.awaitReady(t)
	return b
}

func (b *broker) java(class string, args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(*kafkaJarsFlag, "*"), class}, args...)...)
}

// start starts the broker, whose log goes behind that of before.
func (b *broker) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	b.process, b.ended = b.java("kafka.Kafka", b.config), make(chan struct{})
	b.process.Stdout, b.process.Stderr = log, log
	require.NoError(t, b.process.Start())
	go func(process *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = process.Wait() // it is killed
		_ = log.Close()
	}(b.process, b.ended)
}

// awaitReady waits until the broker answers, and leads all partitions of some topics.
func (b *broker) awaitReady(t *testing.T, topics ...string) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		ready, err := b.ready(t, topics)
		if ready {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
			continue
		case <-b.ended:
			err = fmt.Errorf("the broker has ended: %s", b.process.ProcessState)
		case <-deadline:
		}
		log, _ := os.ReadFile(b.log)
		require.FailNow(t, "the broker is not ready", "%v\n%s", err, log[max(len(log)-8<<10, 0):])
	}
}

func (b *broker) ready(t *testing.T, topics []string) (bool, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	metadata, err := kadm.NewClient(b.client).Metadata(ctx, topics...)
	if err != nil || len(metadata.Brokers) == 0 {
		return false, err
	}
	for _, topic := range metadata.Topics {
		if topic.Err != nil {
			return false, topic.Err
		}
		for _, p := range topic.Partitions {
			if p.Err != nil || p.Leader < 0 {
				return false, fmt.Errorf("partition %d has no leader", p.Partition)
			}
		}
	}
	return true, nil
}

func (b *broker) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, b.process.Process.Kill())
	<-b.ended
}

// create creates a topic.
func (b *broker) create(t *testing.T, topic string, partitions int32) {
	t.Helper()
	_, err := kadm.NewClient(b.client).CreateTopic(t.Context(), partitions, 1, nil, topic)
	require.NoError(t, err)
	b.awaitReady(t, topic)
}

// freePorts returns ports of the loopback that nobody listens on. They are not of those from which connections go out: such a port may
// be taken before it is listened on, even by a connection to itself.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for len(ports) < n {
		port := 20_000 + rand.IntN(10_000)
		if slices.Contains(ports, port) {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		require.NoError(t, l.Close())
		ports = append(ports, port)
	}
	return ports
}
