package httpapi

import (
	"bufio"
	"errors"
	"io"
	"mime/multipart"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/rowfile"
)

// postDatasource serves POST /v0/datasources: a file of rows, as the body or as the file of a form.
func (s *Server) postDatasource(c *call) error {
	src, err := s.sourceNamed(c)
	if err != nil {
		return err
	}
	mode, err := c.Params.TextOr("mode", "append")
	if err != nil {
		return err
	}
	if mode != "append" {
		return problem.BadParameter("the parameter mode is %s; append is allowed", problem.Shown(mode))
	}
	done, err := s.appendFile(c, src, false)
	if err != nil {
		return err
	}
	c.sendAppended(fasthttp.StatusOK, done)
	return nil
}

// appendFile stores the rows of the file in the body of a request. repeatable tells that the same one may come again without a key.
func (s *Server) appendFile(c *call, src *source, repeatable bool) (done engine.Appended, err error) {
	if _, given, err := c.Params.Text("url"); given || err != nil {
		return done, importRefused()
	}
	if e := s.refusal(c.store); e != nil { // a file may be read whole before its rows are taken in
		return done, e
	}
	body, closeBody, err := c.OpenBody(s.limits.BodyBytesMax)
	if err != nil {
		return done, err
	}
	defer closeBody()
	file, name, err := fileOf(&c.Ctx.Request.Header, body)
	if err != nil {
		return done, err
	}
	file, closeFile, err := s.unpack(file)
	if err != nil {
		return done, err
	}
	defer closeFile()
	rows, format, err := s.rowsOf(c, src, c.Charge.Reader(file), name)
	if err != nil {
		return done, err
	}
	return c.submit(src, format, rows, repeatable)
}

func importRefused() error {
	return problem.BadParameter("the parameter url is not supported, because the server fetches nothing: " +
		"send the file itself, as in curl -L URL | curl --data-binary @- 'SERVER/v0/datasources?name=NAME&mode=append'")
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

// unpack decompresses a file that is compressed, which its first bytes tell.
func (s *Server) unpack(file io.Reader) (io.Reader, func(), error) {
	peeked := bufio.NewReader(file)
	start, _ := peeked.Peek(rowfile.FormatBytes) // fewer of a shorter file
	if packed := rowfile.CompressionOf(start); packed != rowfile.Plain {
		return s.shared.Decoders.Unpack(peeked, string(packed), s.limits.BodyBytesMax)
	}
	return peeked, func() {}, nil
}

// rowsOf returns the rows of a file as NDJSON or, of a file that is JSON, as that.
func (s *Server) rowsOf(c *call, src *source, file io.Reader, name string) (io.Reader, event.Format, error) {
	peeked := bufio.NewReader(file)
	format, err := c.fileFormat(peeked, name)
	if err != nil {
		return nil, 0, err
	}
	switch format {
	case rowfile.NDJSON:
		return rowfile.PlainText(peeked), event.NDJSON, nil
	case rowfile.JSONDocument:
		return rowfile.PlainText(peeked), event.JSON, nil
	case rowfile.ParquetFormat:
		rows, err := rowfile.Parquet(peeked, src.files, s.limits.BodyBytesMax)
		return rows, event.NDJSON, err
	case rowfile.CSVFormat, rowfile.Unknown:
	}
	comma, err := c.delimiter()
	if err != nil {
		return nil, 0, err
	}
	return rowfile.CSV(peeked, src.files, comma), event.Records, nil
}

// fileFormat returns the format of a file: as the request says, or as the file shows.
func (c *call) fileFormat(file *bufio.Reader, name string) (rowfile.Format, error) {
	said, ok, err := c.Params.Text("format")
	if err != nil {
		return rowfile.Unknown, err
	}
	if ok {
		switch format := rowfile.Format(said); format {
		case rowfile.NDJSON, rowfile.JSONDocument, rowfile.CSVFormat, rowfile.ParquetFormat:
			return format, nil
		case rowfile.Unknown:
		}
		return rowfile.Unknown, problem.BadParameter("the parameter format is %s; ndjson, json, csv and parquet are allowed", problem.Shown(said))
	}
	start, _ := file.Peek(rowfile.FormatBytes) // fewer of a shorter file
	return rowfile.FormatOf(start, name)
}

// delimiter reads what stands between the fields of a CSV file; 0 if the request does not say.
func (c *call) delimiter() (rune, error) {
	given, ok, err := c.Params.Text("dialect_delimiter")
	if err != nil || !ok {
		return 0, err
	}
	text := string(given)
	comma, size := utf8.DecodeRuneInString(text)
	if size != len(text) || !rowfile.ValidComma(comma) {
		return 0, problem.BadParameter("the parameter dialect_delimiter is %s; it must be one character", problem.Shown(text))
	}
	return comma, nil
}
