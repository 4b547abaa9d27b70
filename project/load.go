package project

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/residualdb/residual/internal/spelling"
)

// Project is what the files of a folder mean.
type Project struct {
	Datasources []*Datasource
	Connections []*Connection
	// Pipes answer; they are there also if there is no .pipe file.
	Pipes *Pipes
}

// Secrets returns the value of a secret by its name; ok is false for one that is not known.
type Secrets func(name string) (value string, ok bool)

// nameMax bounds the name of a data source: it is a part of the names of rights.
const nameMax = 128

// Load reads the files of a folder and of those below it. problems are all that is wrong; the project is of use if none of them is an
// error. err is that of [ReadFiles].
func Load(folder fs.FS, secrets Secrets) (p *Project, problems Problems, err error) {
	files, err := ReadFiles(folder)
	if err != nil {
		return nil, nil, err
	}
	p, problems = Read(files, secrets)
	return p, problems, nil
}

// Read reads what files mean, as [Load] does.
func Read(files Files, secrets Secrets) (p *Project, problems Problems) {
	l := &loader{project: &Project{Pipes: &Pipes{}}, secrets: secrets}
	var datasources, connections, pipes []*file
	for i := range files {
		switch f := &files[i]; path.Ext(f.Name) {
		case datasourceWords.kind:
			datasources = append(datasources, parse(f.Name, f.Text, &datasourceWords))
		case connectionWords.kind:
			connections = append(connections, parse(f.Name, f.Text, &connectionWords))
		case pipeWords.kind:
			pipes = append(pipes, parse(f.Name, f.Text, &pipeWords))
		}
	}
	named := map[string]*file{}
	for _, f := range connections {
		l.project.Connections = append(l.project.Connections, l.readConnection(f, l.nameOf(f, named)))
	}
	clear(named)
	for _, f := range datasources {
		l.project.Datasources = append(l.project.Datasources, l.readDatasource(f, l.nameOf(f, named)))
	}
	l.groups(datasources)
	l.readPipes(pipes, named)
	for _, f := range slices.Concat(connections, datasources, pipes) {
		problems = append(problems, f.problems...)
	}
	problems.sort()
	return l.project, problems
}

// readPipes reads the pipes. Their names are no data source's.
func (l *loader) readPipes(files []*file, named map[string]*file) {
	for _, f := range files {
		l.project.Pipes.all = append(l.project.Pipes.all, l.readPipe(f, l.nameOf(f, named)))
	}
	l.project.Pipes.check()
}

// loader reads the meaning of files.
type loader struct {
	project *Project
	secrets Secrets
}

// nameOf returns the name that a file gives what it declares: its own, without folders. Each has another one.
func (l *loader) nameOf(f *file, named map[string]*file) string {
	name := strings.TrimSuffix(path.Base(f.name), path.Ext(f.name))
	if other := named[name]; other != nil {
		f.fail(place{}, "give one of the files another name", "%s declares %s already", other.name, shown(name))
	}
	if strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || name == "" {
		f.fail(place{}, "use letters, digits and underscores", "%s is no name", shown(name))
	}
	if len(name) > nameMax {
		f.fail(place{}, "give the file a shorter name", "the name has %d characters; %d are allowed", len(name), nameMax)
	}
	if strings.HasSuffix(name, "_quarantine") {
		f.fail(place{}, "give the file another name", "%s is where the rejects of a data source are", shown(name))
	}
	named[name] = f
	return name
}

// refer holds the name of a connection to those that there are.
func (l *loader) refer(f *file, command, name, kind string) {
	c := f.find(command)
	if c == nil {
		return
	}
	var names []string
	for _, connection := range l.project.Connections {
		if connection.Name == name {
			if (connection.Kafka != nil) != (kind == "kafka") {
				f.fail(c.valueAt, "", "the connection %s is not of TYPE %s", shown(name), kind)
			}
			return
		}
		names = append(names, connection.Name)
	}
	advice := "add the file connections/" + name + ".connection"
	if near := spelling.Nearest(name, names); near != "" {
		advice = "did you mean " + near + "?"
	}
	f.fail(c.valueAt, advice, "there is no connection %s", shown(name))
}

// groups holds data sources of one topic to groups of their own: two readers in one group would each get a part of its partitions.
func (l *loader) groups(files []*file) {
	type reader struct{ connection, topic, group string }
	seen := map[reader]string{}
	for i, d := range l.project.Datasources {
		if d.Kafka == nil {
			continue
		}
		r := reader{d.Kafka.Connection, d.Kafka.Topic, d.Kafka.Group}
		if other, ok := seen[r]; ok {
			f := files[i]
			f.fail(f.find("KAFKA_GROUP_ID").valueAt, "give each its own KAFKA_GROUP_ID", "the data source %s reads the same topic in the same group", other)
		}
		seen[r] = d.Name
	}
}
