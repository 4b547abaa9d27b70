package project

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/spelling"
)

// Datasource is a data source of a project: how the JSON of its events becomes predictions or actuals, who may use it, and where
// events are fetched, if they are.
type Datasource struct {
	Name, Description string
	Mapping           event.Mapping
	Tokens            []TokenGrant
	// Kafka and Import are nil for a data source that does not fetch.
	Kafka  *KafkaSource
	Import *ImportSource
}

// TokenGrant is a token by name, and what it may do with the data source.
type TokenGrant struct {
	Token string
	// Append is set for APPEND, else it is READ.
	Append bool
}

var datasourceWords = vocabulary{
	kind: DatasourceKind,
	values: []string{
		"DESCRIPTION", "TAGS", "TOKEN", "ENGINE", "ENGINE_*",
		"KAFKA_CONNECTION_NAME", "KAFKA_TOPIC", "KAFKA_GROUP_ID", "KAFKA_AUTO_OFFSET_RESET", "KAFKA_STORE_RAW_VALUE", "KAFKA_STORE_HEADERS",
		"KAFKA_KEY_FORMAT", "KAFKA_VALUE_FORMAT",
		"IMPORT_CONNECTION_NAME", "IMPORT_BUCKET_URI", "IMPORT_SCHEDULE", "IMPORT_FORMAT", "IMPORT_FROM_TIMESTAMP",
	},
	blocks:   []string{"DESCRIPTION", "SCHEMA"},
	repeated: []string{"TOKEN"},
}

// readDatasource reads the meaning of a .datasource file.
func (l *loader) readDatasource(f *file, name string) *Datasource {
	d := &Datasource{Name: name}
	if c := f.find("DESCRIPTION"); c != nil {
		d.Description = c.text()
	}
	for i := range f.commands {
		if c := &f.commands[i]; c.name == "TOKEN" {
			d.Tokens = append(d.Tokens, readGrant(f, c)...)
		}
	}
	readEngine(f)
	if c := f.find("SCHEMA"); c != nil {
		if columns := parseSchema(f, c); columns != nil {
			d.Mapping = mappingOf(f, c, columns)
			if actuals, fixed := fixedSources[name]; fixed && actuals != d.Mapping.Actuals {
				f.fail(c.at, "give the file another name, or its columns what "+name+" has",
					"%s is a data source of %s, and these columns are those of %s", name, kindOf(actuals), kindOf(d.Mapping.Actuals))
			}
		}
	} else {
		f.fail(place{}, "write SCHEMA > and its columns below it", "the file has no SCHEMA")
	}
	d.Kafka = l.readKafka(f)
	d.Import = l.readImport(f)
	if d.Kafka != nil && d.Import != nil {
		f.fail(f.find("IMPORT_BUCKET_URI").at, "make two data sources of it", "a data source reads from Kafka or from files, not from both")
	}
	return d
}

// fixedSources are the data sources that every server has, and whether they are of actuals.
var fixedSources = map[string]bool{"ml_model_predictions": false, "ml_model_actuals": true}

// IsBuiltIn tells whether every server has a data source of this name.
func IsBuiltIn(name string) bool {
	_, ok := fixedSources[name]
	return ok
}

func kindOf(actuals bool) string {
	if actuals {
		return "actuals"
	}
	return "predictions"
}

// readGrant reads "TOKEN name READ".
func readGrant(f *file, c *command) []TokenGrant {
	words := strings.Fields(c.value)
	const advice = "write TOKEN name READ, or TOKEN name APPEND"
	if len(words) != 2 {
		f.fail(c.valueAt, advice, "%s is not the name of a token and what it may do", shown(c.value))
		return nil
	}
	right := strings.ToUpper(words[1])
	if right != "READ" && right != "APPEND" {
		f.fail(c.valueAt, advice, "%s is nothing that a token may do with a data source", shown(words[1]))
		return nil
	}
	return []TokenGrant{{Token: strings.Trim(words[0], `"'`), Append: right == "APPEND"}}
}

// readEngine looks at the engine: all rows are kept in the one way that this module keeps rows, which those of MergeTree and of
// ReplacingMergeTree come to.
func readEngine(f *file) {
	for i := range f.commands {
		c := &f.commands[i]
		switch {
		case c.name == "ENGINE" && c.value != "MergeTree" && c.value != "ReplacingMergeTree":
			f.fail(c.valueAt, "leave ENGINE out, or write MergeTree",
				"the engine %s keeps something else than rows, and predictions are rows", shown(c.value))
		case c.name == "ENGINE_TTL" && c.value != "":
			f.warn(c.at, "set it with residual serve --retention", "ENGINE_TTL has no effect: how long rows are kept is the store's")
		}
	}
}

// mappingOf reads columns as a mapping: onto an actual, if they have one and no prediction, else onto a prediction.
func mappingOf(f *file, schema *command, columns []column) (m event.Mapping) {
	has := func(name string) bool {
		return slices.ContainsFunc(columns, func(c column) bool { return c.name == name })
	}
	m.Actuals = has("actual_value") && !has("predicted_value")
	all, required := m.ColumnNames()
	kind := "a prediction"
	if m.Actuals {
		kind = "an actual"
	}
	wrong := len(f.problems)
	for i := range columns {
		c := &columns[i]
		if !slices.Contains(all, c.name) {
			advice := "map features to what holds it, or leave the column out"
			if near := spelling.Nearest(c.name, all); near != "" {
				advice = "did you mean " + near + "?"
			}
			f.fail(c.at, advice, "%s is no column of %s: these are %s", shown(c.name), kind, strings.Join(all, ", "))
			continue
		}
		if mapped, ok := mapColumn(f, c); ok {
			m.Columns = append(m.Columns, mapped)
		}
	}
	for _, name := range required {
		if !has(name) && name != "features" {
			f.fail(schema.at, "add it, with a path or a DEFAULT", "the schema lacks the column %s, which %s must have", name, kind)
		}
	}
	if !m.Actuals && !has("features") {
		m.Columns = append(m.Columns, event.MappedColumn{Name: "features", Default: "{}", HasDefault: true})
	}
	if len(f.problems) == wrong {
		f.decodable(&m, columns)
	}
	return m
}

// decodable holds a mapping to what can be decoded by it.
func (f *file) decodable(m *event.Mapping, columns []column) {
	_, err := event.NewMappedDecoder(m)
	wrong, ok := errors.AsType[*event.ColumnError](err)
	if !ok {
		return
	}
	for i := range columns {
		c := &columns[i]
		if c.name != wrong.Column {
			continue
		}
		at := c.at
		switch isDefault := strings.Contains(wrong.Reason.Error(), "default"); {
		case isDefault && c.hasDefault:
			at = c.defaultAt
		case c.hasPath:
			at = c.pathAt
		}
		f.fail(at, "", "%s: %v", c.name, wrong.Reason)
	}
}

// typesOf are the types that the columns may have, by kind of value.
var (
	textTypes    = []string{"String", "FixedString", "UUID"}
	integerTypes = []string{"Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"}
	numberTypes  = append([]string{"Float32", "Float64"}, integerTypes...)
)

// mapColumn reads one column.
func mapColumn(f *file, c *column) (m event.MappedColumn, ok bool) {
	m = event.MappedColumn{Name: c.name, Path: c.path, Default: c.fallback, HasDefault: c.hasDefault}
	if !c.hasPath {
		m.Path = []string{c.name}
	}
	wrong := func(types ...string) (event.MappedColumn, bool) {
		f.fail(c.typ.at, "", "%s cannot be %s: it is of the type %s", c.name, c.typ.String(), strings.Join(types, ", "))
		return m, false
	}
	switch c.name {
	case "timestamp":
		unit, ok := unitOf(c.typ)
		if !ok {
			return wrong("DateTime", "DateTime64(3)", "either of them in UTC")
		}
		if m.Unit = unit; c.hasDefault {
			f.fail(c.defaultAt, "", "a timestamp has no default: an event that is sent again would be another one")
			return m, false
		}
	case "predicted_value", "actual_value":
		if !slices.Contains(numberTypes, c.typ.name) {
			return wrong("Float64")
		}
		if _, err := strconv.ParseFloat(c.fallback, 64); c.hasDefault && err != nil {
			f.fail(c.defaultAt, "", "%s is not a number", shown(c.fallback))
			return m, false
		}
		if c.name == "predicted_value" && c.typ.nullable && !c.hasDefault {
			f.warn(c.typ.at, "", "an event without a prediction goes to the quarantine")
		}
	default:
		m.Integer = slices.Contains(integerTypes, c.typ.name)
		if !m.Integer && !slices.Contains(textTypes, c.typ.name) && !(c.name == "features" && c.typ.name == "JSON") {
			return wrong("String")
		}
		if c.name == "features" && m.Integer {
			return wrong("String")
		}
	}
	if len(m.Path) == 0 && c.name != "features" {
		f.fail(c.pathAt, "name a member: `json:$."+c.name+"`", "%s cannot be the whole event", c.name)
		return m, false
	}
	return m, true
}

// unitOf is what a number in a column of times counts: DateTime seconds, DateTime64(p) parts of 10^-p of one.
func unitOf(t columnType) (time.Duration, bool) {
	switch t.name {
	case "DateTime":
		zone := strings.Trim(t.args, "'\"")
		return time.Second, zone == "" || zone == "UTC"
	case "DateTime64":
		precision, zone, _ := strings.Cut(t.args, ",")
		if zone = strings.Trim(strings.TrimSpace(zone), "'\""); zone != "" && zone != "UTC" {
			return 0, false
		}
		n, err := strconv.Atoi(strings.TrimSpace(precision))
		if err != nil || n < 0 || n > 9 {
			return 0, false
		}
		unit := time.Second
		for range n {
			unit /= 10
		}
		return unit, true
	}
	return 0, false
}
