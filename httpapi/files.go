package httpapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/upload"
)

// postDatasource serves POST /v0/datasources: a file of rows, as the body or as the file of a form.
func (s *Server) postDatasource(c *call) error {
	src, err := s.sourceNamed(c)
	if err != nil {
		return err
	}
	mode, err := c.params.textOr("mode", "append")
	if err != nil {
		return err
	}
	if mode != "append" {
		return problem.BadParameter("the parameter mode is %s; append is allowed", problem.Shown(mode))
	}
	if _, given, err := c.params.text("url"); given || err != nil {
		return importRefused()
	}
	if e := s.refusal(c.store); e != nil { // a file may be read whole before its rows are taken in
		return e
	}
	body, closeBody, err := s.decoders.Open(c.ctx, s.limits.BodyBytesMax)
	if err != nil {
		return err
	}
	defer closeBody()
	file, name, err := fileOf(&c.ctx.Request.Header, body)
	if err != nil {
		return err
	}
	file, closeFile, err := s.unpack(file)
	if err != nil {
		return err
	}
	defer closeFile()
	rows, format, err := s.rowsOf(c, src, c.charge.Reader(file), name)
	if err != nil {
		return err
	}
	done, err := c.submit(src, format, rows)
	if err != nil {
		return err
	}
	c.sendAppended(fasthttp.StatusOK, done)
	return nil
}

func importRefused() error {
	return problem.BadParameter("the parameter url is not supported: send the file itself")
}

// fileOf returns the file in a body and its name, if it has one: the body itself, or the first file of a form. A form
// that names a url in the place of a file is known by its first bytes, because curl sends any file as such a form.
func fileOf(header *fasthttp.RequestHeader, body io.Reader) (io.Reader, string, error) {
	boundary := header.MultipartFormBoundary()
	if len(boundary) == 0 {
		peeked := bufio.NewReader(body)
		if start, _ := peeked.Peek(len("url=")); string(start) == "url=" {
			return nil, "", importRefused()
		}
		return peeked, "", nil
	}
	form := multipart.NewReader(body, string(boundary))
	for {
		part, err := form.NextRawPart()
		if err == io.EOF {
			return nil, "", problem.BadRequest("the form has no file; name its part csv, ndjson or parquet")
		}
		if err != nil {
			return nil, "", formError(err)
		}
		switch {
		case part.FileName() != "", part.FormName() == "csv", part.FormName() == "ndjson", part.FormName() == "parquet":
			return &partReader{part}, part.FileName(), nil
		}
	}
}

// partReader names what is wrong with a form when its file ends badly.
type partReader struct{ part io.Reader }

func (r *partReader) Read(p []byte) (int, error) {
	n, err := r.part.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = formError(err)
	}
	return n, err
}

func formError(err error) error {
	if e, ok := errors.AsType[*problem.Error](err); ok {
		return e
	}
	return problem.BadRequest("the multipart form is broken or cut short").HangingUp()
}

// unpack decompresses a file that is gzipped, which its first bytes tell.
func (s *Server) unpack(file io.Reader) (io.Reader, func(), error) {
	peeked := bufio.NewReader(file)
	if magic, _ := peeked.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return peeked, func() {}, nil
	}
	return s.decoders.Gunzip(peeked, s.limits.BodyBytesMax)
}

// rowsOf returns the rows of a file as NDJSON or, of a file that is JSON, as that.
func (s *Server) rowsOf(c *call, src *source, file io.Reader, name string) (io.Reader, event.Format, error) {
	peeked := bufio.NewReader(file)
	format, err := c.params.textOr("format", formatOf(peeked, name))
	if err != nil {
		return nil, 0, err
	}
	switch format {
	case "ndjson":
		return peeked, event.NDJSON, nil
	case "json":
		return peeked, event.JSON, nil
	case "csv":
		comma, err := c.delimiter()
		if err != nil {
			return nil, 0, err
		}
		return upload.CSV(peeked, src.uploadColumns(), comma), event.NDJSON, nil
	case "parquet":
		rows, err := upload.Parquet(peeked, src.uploadColumns(), s.limits.BodyBytesMax)
		return rows, event.NDJSON, err
	}
	return nil, 0, problem.BadParameter("the parameter format is %s; ndjson, json, csv and parquet are allowed", problem.Shown(format))
}

// delimiter reads what stands between the fields of a CSV file.
func (c *call) delimiter() (rune, error) {
	text, err := c.params.textOr("dialect_delimiter", ",")
	if err != nil {
		return 0, err
	}
	comma, size := utf8.DecodeRuneInString(text)
	if size != len(text) || comma == utf8.RuneError || strings.ContainsRune("\x00\"\r\n", comma) {
		return 0, problem.BadParameter("the parameter dialect_delimiter is %s; it must be one character", problem.Shown(text))
	}
	return comma, nil
}

// uploadColumns are the columns of the data source as a file names them.
func (s *source) uploadColumns() []upload.Column {
	columns := make([]upload.Column, len(s.columns))
	for i, column := range s.columns {
		columns[i] = upload.Column{Name: column.Name, Number: column.Kind == encode.Float64, Sparse: slices.Contains(s.sparse, column.Name)}
	}
	return columns
}

// ErrFile is the class of errors of a file that is not what it is taken for.
var ErrFile = errors.New("the file cannot be read")

// ParquetRows returns the rows of a Parquet file as NDJSON, as a server reads them that is sent the file for a data source. The file may
// be of any length: a client sends its rows in parts.
func ParquetRows(dataSource string, file io.ReaderAt, size int64) (io.Reader, error) {
	var columns []upload.Column
	if i := slices.IndexFunc(sources[:], func(s source) bool { return s.name == dataSource }); i >= 0 {
		columns = sources[i].uploadColumns()
	}
	rows, err := upload.ParquetFile(file, size, columns)
	return fileRows{rows}, fileError(err)
}

// fileRows gives the errors of a file their class.
type fileRows struct{ io.Reader }

func (r fileRows) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	return n, fileError(err)
}

func fileError(err error) error {
	if e, ok := errors.AsType[*upload.Error](err); ok {
		return fmt.Errorf("%w: %s", ErrFile, uploadError(e).Text)
	}
	return err
}

// formatOf guesses a format from how a file begins, which a file of another name cannot hide, or else from its name.
func formatOf(file *bufio.Reader, name string) string {
	start, _ := file.Peek(formatBytes) // fewer of a shorter file
	if bytes.HasPrefix(start, []byte("PAR1")) {
		return "parquet"
	}
	if start = bytes.TrimSpace(start); len(start) > 0 && start[0] == '[' {
		return "json"
	}
	switch path.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz")) {
	case ".ndjson", ".jsonl", ".json":
		return "ndjson"
	case ".parquet":
		return "parquet"
	}
	return "csv"
}

// formatBytes are as many as are looked at to guess a file's format.
const formatBytes = 512
