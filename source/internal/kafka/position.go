package kafka

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// absent is the id of a topic that did not exist when it was first looked for. A cluster that has no ids has the zero one.
const absent = "absent"

// position is how far a partition was read.
type position struct {
	// offset is that of the next message.
	offset int64
	// epoch is that of the leader that wrote the last message, negative if it is not known.
	epoch int32
}

// String returns the position as it is stored.
func (p position) String() string { return fmt.Sprintf("%d epoch %d", p.offset, p.epoch) }

// parsePosition is the inverse of String.
func parsePosition(text string) (p position, err error) {
	if _, err := fmt.Sscanf(text, "%d epoch %d", &p.offset, &p.epoch); err != nil || p.offset < 0 || p.String() != text {
		return position{}, fmt.Errorf("the stored position %q is none of Kafka", text)
	}
	return p, nil
}

// partOf is the name of a partition among the parts of a data source. No topic has a slash in its name, nor a colon, as files have.
func partOf(topic string, partition int32) string { return topic + "/" + strconv.Itoa(int(partition)) }

// known is what is stored of a topic.
type known struct {
	// id is empty for a topic that was never looked at.
	id         string
	partitions map[int32]position
}

// knownOf finds what is stored of a topic among the positions of a data source.
func knownOf(topic string, stored map[string]string) (known, error) {
	k := known{id: stored[topic], partitions: map[int32]position{}}
	for part, value := range stored {
		number, ok := strings.CutPrefix(part, topic+"/")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 32)
		if err != nil || n < 0 || partOf(topic, int32(n)) != part {
			continue // it is of what the data source has read elsewhere
		}
		if k.id == "" {
			return k, fmt.Errorf("there is a position of %q, and none of its topic", part)
		}
		p, err := parsePosition(value)
		if err != nil {
			return k, err
		}
		k.partitions[int32(n)] = p
	}
	return k, nil
}

// isOther tells whether a topic that was known under one id is another one now. Ids that are not known tell nothing.
func isOther(was string, now kadm.TopicID) bool {
	return was != "" && was != absent && was != (kadm.TopicID{}).String() && now != kadm.TopicID{} && was != now.String()
}
