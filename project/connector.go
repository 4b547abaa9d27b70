package project

import (
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/residualdb/residual/internal/rowname"
)

// KafkaSource is a topic that a data source reads.
type KafkaSource struct {
	Connection   string
	Topic, Group string
	// Earliest tells to begin with the first message of a partition of which no position is known, not with the next to come.
	Earliest bool
}

// ImportSource is files that a data source reads: of a bucket, or of a folder of this machine.
type ImportSource struct {
	// Connection is empty for a folder.
	Connection string
	// Bucket is empty for a folder. Pattern is that of the keys, or of the paths: * stands for any characters but /, ** for any.
	Bucket, Pattern string
	Schedule        Schedule
	// Format is ndjson, csv or parquet; empty where the names of the files tell.
	Format string
	// From leaves out what was written before.
	From time.Time
}

// Schedule is when files are looked for.
type Schedule uint8

// The schedules.
const (
	Auto     Schedule = iota // again and again
	OnDemand                 // when it is asked for
	Once                     // at the first start
)

// topicName matches what Kafka takes as the name of a topic; bucketName what servers of S3 take as that of a bucket.
var (
	topicName  = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
	bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$`)
)

func (l *loader) readKafka(f *file) *KafkaSource {
	if !f.any("KAFKA_") {
		return nil
	}
	k := &KafkaSource{Connection: l.need(f, "KAFKA_CONNECTION_NAME"), Topic: l.need(f, "KAFKA_TOPIC"), Group: l.need(f, "KAFKA_GROUP_ID")}
	if k.Topic != "" && (!topicName.MatchString(k.Topic) || strings.Trim(k.Topic, ".") == "" && len(k.Topic) < 3) {
		f.fail(f.find("KAFKA_TOPIC").valueAt, "letters, digits, dots, underscores and hyphens are, 249 at most", "no topic can have this name")
	}
	k.Earliest = f.choice("KAFKA_AUTO_OFFSET_RESET", "latest", "earliest") == "earliest"
	for _, name := range []string{"KAFKA_STORE_RAW_VALUE", "KAFKA_STORE_HEADERS"} {
		if f.choice(name, "True", "False") == "True" {
			f.fail(f.find(name).at, "leave it out", "%s has no column to go to", name)
		}
	}
	f.choice("KAFKA_KEY_FORMAT", "avro", "json_with_schema", "json_without_schema") // keys are not looked at
	f.choice("KAFKA_VALUE_FORMAT", "json_without_schema", "json_with_schema")
	l.refer(f, "KAFKA_CONNECTION_NAME", k.Connection, "kafka")
	return k
}

func (l *loader) readImport(f *file) *ImportSource {
	if !f.any("IMPORT_") {
		return nil
	}
	s := &ImportSource{Format: f.choice("IMPORT_FORMAT", "ndjson", "csv", "parquet")}
	uri := l.need(f, "IMPORT_BUCKET_URI")
	c := f.find("IMPORT_BUCKET_URI")
	scheme, rest, _ := strings.Cut(uri, "://")
	switch bucket, key, _ := strings.Cut(rest, "/"); {
	case uri == "":
	case scheme == "s3" && key != "":
		s.Bucket, s.Pattern = bucket, key
		if !bucketName.MatchString(bucket) {
			f.fail(c.valueAt, "write s3://bucket/prefix/*.ndjson.gz; the key is in the .connection file", "no bucket can have the name in this URI")
		}
		s.Connection = l.need(f, "IMPORT_CONNECTION_NAME")
		l.refer(f, "IMPORT_CONNECTION_NAME", s.Connection, "s3")
	case scheme == "file" && path.IsAbs(rest):
		s.Pattern = rest
	default:
		f.fail(c.valueAt, "write s3://bucket/prefix/*.ndjson.gz, or file:///folder/*.ndjson", "%s names no files", shown(c.value))
	}
	if strings.ContainsAny(s.Pattern, "?[]{}") {
		f.fail(c.valueAt, "* stands for any characters but /, ** for any, and **/ for any folders or none", "the signs ? [ ] { } are understood in no pattern")
	}
	if told, _ := rowname.Of(s.Pattern); s.Pattern != "" && s.Format == "" && told == "" {
		f.fail(c.valueAt, "add IMPORT_FORMAT ndjson, csv or parquet", "the names of the files do not tell their format")
	}
	switch schedule := l.need(f, "IMPORT_SCHEDULE"); schedule {
	case "@auto", "":
	case "@on-demand":
		s.Schedule = OnDemand
	case "@once":
		s.Schedule = Once
	default:
		f.fail(f.find("IMPORT_SCHEDULE").valueAt, "write @auto, @on-demand or @once", "%s is no schedule", shown(schedule))
	}
	if from := f.find("IMPORT_FROM_TIMESTAMP"); from != nil {
		t, err := time.Parse(time.RFC3339, from.value)
		if err != nil {
			f.fail(from.valueAt, "write it as 2026-11-01T00:00:00Z", "%s is no time", shown(from.value))
		}
		s.From = t
	}
	return s
}

// any tells whether a command begins with a prefix.
func (f *file) any(prefix string) bool {
	for i := range f.commands {
		if strings.HasPrefix(f.commands[i].name, prefix) {
			return true
		}
	}
	return false
}

// need returns the value of a command that the file must have, because it has others that need it, with its secrets.
func (l *loader) need(f *file, name string) string {
	c := f.find(name)
	if c == nil {
		f.fail(place{}, "add "+name, "the file lacks %s", name)
		return ""
	}
	return l.value(f, name)
}
