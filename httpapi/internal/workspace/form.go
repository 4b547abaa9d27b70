package workspace

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// The parts of a form that hold files of a project, by their names.
var fileParts = map[string]bool{"data_project://": true, "data_project_vendored://": true}

// partsMax bounds the parts of a form, fileBytesMax a file, pathBytesMax its name.
const (
	partsMax     = 20_000
	fileBytesMax = 1 << 20
	pathBytesMax = 1 << 10
)

// ReadForm reads the files of a project out of a form. Parts of other names are passed over.
func ReadForm(body io.Reader, boundary string) ([]File, error) {
	if boundary == "" {
		return nil, problem.BadRequest("the body must be a form, multipart/form-data, with a part data_project:// for each file of the project")
	}
	form := multipart.NewReader(body, boundary)
	var files []File
	for n := 0; ; n++ {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) && n > 0 { // a form without parts may be one that was cut short
			return files, nil
		}
		if err != nil {
			return nil, formError(err)
		}
		if n == partsMax {
			return nil, problem.BadRequest("the form has more than %d parts", partsMax)
		}
		if !fileParts[part.FormName()] {
			continue
		}
		name := pathOf(part)
		if name == "" || len(name) > pathBytesMax {
			return nil, problem.BadRequest("a part of the form has no name of a file, or one of more than %d bytes", pathBytesMax)
		}
		text, err := io.ReadAll(io.LimitReader(part, fileBytesMax+1))
		if err != nil {
			return nil, formError(err)
		}
		if len(text) > fileBytesMax {
			return nil, problem.TooLarge("the file %s has more than %d bytes", problem.Shown(name), fileBytesMax)
		}
		files = append(files, File{name, string(text)})
	}
}

// pathOf is the name of a part's file with its folders, which part.FileName leaves out.
func pathOf(part *multipart.Part) string {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return params["filename"]
}

func formError(err error) error {
	if e, ok := errors.AsType[*problem.Error](err); ok {
		return e
	}
	if errors.Is(err, multipart.ErrMessageTooLarge) {
		return problem.TooLarge("a part of the form has too many headers")
	}
	return problem.BadRequest("the multipart form is broken or cut short").HangingUp()
}
